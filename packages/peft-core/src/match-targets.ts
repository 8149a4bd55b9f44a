import { compilePattern } from './compile-pattern.js';
import { nearMisses, PeftError } from './errors.js';
import { type HostSpec, type Site, type SiteKind, sitesOfKind } from './host-spec.js';

/**
 * The sites of one kind that the patterns name. A pattern in a list matches a whole path or a dotted suffix of it (`query`,
 * `attention.self.query`); a single string is a regular expression for the whole path, as in HF peft.
 * Errors: `TARGET_UNMATCHED` for each pattern that matches nothing, with near misses, even if another one matches; `TARGET_PATTERN_INVALID`,
 * `TARGET_PATTERN_TOO_LARGE`.
 */
export function matchTargets<K extends SiteKind>(
  host: HostSpec,
  kind: K,
  patterns: string | readonly string[],
): Extract<Site, { kind: K }>[] {
  const sites = sitesOfKind(host, kind);
  const list = typeof patterns === 'string' ? [patterns] : new Set(patterns);
  const hits = new Set<string>();
  for (const pattern of list) {
    const matches = typeof patterns === 'string' ? compilePattern(pattern) : suffix(pattern);
    const found = sites.filter(({ path }) => matches(path));
    if (found.length === 0) throw unmatched(pattern, sites, host);
    for (const { path } of found) hits.add(path);
  }
  return sites.filter(({ path }) => hits.has(path));
}

/** Whether a name is meant by `patterns`: a list of whole names or dotted ends of them, or one regular expression for the whole name. */
export function matchNames(patterns: string | readonly string[]): (name: string) => boolean {
  if (typeof patterns === 'string') return compilePattern(patterns);
  const tests = patterns.map(suffix);
  return (name) => tests.some((test) => test(name));
}

const suffix = (pattern: string) => (path: string) => path === pattern || path.endsWith(`.${pattern}`);

function unmatched(pattern: string, sites: readonly Site[], host: HostSpec): PeftError {
  const suffixes = ({ path }: Site) => path.split('.').map((_, start, parts) => parts.slice(start).join('.'));
  const names = new Set(sites.flatMap(suffixes));
  const close = nearMisses(pattern, names);
  return new PeftError('TARGET_UNMATCHED', {
    found: `target "${pattern}" matches nothing on host "${host.name}"`,
    expected: close.length > 0 ? `something like ${close.join(', ')}` : `a path such as ${sites[0]?.path ?? '(none)'}`,
    fix: 'correct the pattern or take it out',
  });
}
