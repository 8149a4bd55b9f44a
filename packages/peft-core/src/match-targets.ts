import { bounds } from './bounds.js';
import { compilePattern } from './compile-pattern.js';
import { nearMisses, PeftError } from './errors.js';
import { type HostSpec, type LinearRole, type Site, type SiteKind, sitesOfKind } from './host-spec.js';
import type { PatternWork } from './pattern-work.js';

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
  const matches = matchNames(patterns);
  const missed = findUnmatched(
    patterns,
    sites.map(({ path }) => path),
  );
  if (missed !== undefined) throw unmatched(missed, sites, host);
  return sites.filter(({ path }) => matches(path));
}

const ofAttention: readonly LinearRole[] = ['query', 'key', 'value'];

/** Whether an affine map has a role, alone or as one of three in a fused map. */
export const servesRole = ({ role }: Extract<Site, { kind: 'linear' }>, wanted: LinearRole): boolean =>
  role === wanted || (role === 'queryKeyValue' && ofAttention.includes(wanted));

/**
 * The affine maps with one of these roles, a fused map of queries, keys and values for any of the three, in the order of the forward pass: usual targets that hold on every architecture.
 * Errors: `TARGET_UNMATCHED` for a role that no site of the host has.
 */
export function sitesWithRole(host: HostSpec, ...roles: readonly LinearRole[]): Extract<Site, { kind: 'linear' }>[] {
  const linears = sitesOfKind(host, 'linear');
  const missing = roles.find((role) => !linears.some((site) => servesRole(site, role)));
  if (missing === undefined) return linears.filter((site) => roles.some((role) => servesRole(site, role)));
  throw new PeftError('TARGET_UNMATCHED', {
    found: `host "${host.name}" names no ${missing} map among its linear sites`,
    expected: `sites with the roles ${roles.join(' and ')}`,
    fix: 'name the affine maps yourself in the configuration, by their paths',
  });
}

/** The first pattern that names nothing among `names`; undefined if each one does. Errors: those of {@link matchNames}. */
export function findUnmatched(patterns: string | readonly string[], names: readonly string[]): string | undefined {
  if (typeof patterns === 'string') return names.some(matchNames(patterns)) ? undefined : patterns;
  const known = new Set(names.flatMap(endsOf));
  return patterns.find((pattern) => !known.has(pattern));
}

/**
 * Whether a name is meant by `patterns`: a list of whole names or dotted ends of them, or one regular expression for the whole name.
 * Errors: those of {@link compilePattern}; `TARGETS_TOO_MANY`.
 */
export function matchNames(patterns: string | readonly string[], work?: PatternWork): (name: string) => boolean {
  if (typeof patterns === 'string') return compilePattern(patterns, work);
  if (patterns.length > bounds.targets)
    throw new PeftError('TARGETS_TOO_MANY', {
      found: `a list of ${patterns.length} targets`,
      expected: `at most ${bounds.targets}`,
      fix: 'name kinds of modules ("query") instead of each one',
    });
  const wanted = new Set(patterns);
  return (name) => endsOf(name).some((end) => wanted.has(end));
}

/** `c`, `b.c` and `a.b.c` of `a.b.c`, the longest first. */
export const endsOf = (path: string): string[] =>
  path.split('.').map((_, start, segments) => segments.slice(start).join('.'));

function unmatched(pattern: string, sites: readonly Site[], host: HostSpec): PeftError {
  const names = new Set(sites.flatMap(({ path }) => endsOf(path)));
  const close = nearMisses(pattern, names);
  return new PeftError('TARGET_UNMATCHED', {
    found: `target "${pattern}" matches nothing on host "${host.name}"`,
    expected: close.length > 0 ? `something like ${close.join(', ')}` : `a path such as ${sites[0]?.path ?? '(none)'}`,
    fix: 'correct the pattern or take it out',
  });
}
