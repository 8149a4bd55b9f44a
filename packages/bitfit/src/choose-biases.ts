import { type HostSpec, PeftError, type Site, sitesOfKind } from '@tfjs-peft/peft-core';
import { hasBias, matchTargets, normGroup } from '@tfjs-peft/peft-core/authoring';
import { type BiasGroup, biasGroups, type BitfitConfig, usualGroups } from './config.js';

/** A module of the host that has a bias `[size]`. */
export interface BiasModule {
  readonly path: string;
  readonly size: number;
  readonly group?: BiasGroup | 'queryKeyValue' | 'feedForwardGate';
}

/**
 * The modules whose biases are trained, in the order of the forward pass.
 * Errors: `TARGET_UNMATCHED` for each group or pattern without a hit; `TARGET_PATTERN_INVALID`.
 */
export function chooseBiases({ biases }: Pick<BitfitConfig, 'biases'>, host: HostSpec): BiasModule[] {
  const modules = host.sites.flatMap(moduleOf);
  if (biases === 'all') return modules;
  const patterns = typeof biases === 'string' ? biases : biases.filter((entry) => !isGroup(entry));
  const paths = new Set(matchModules(host, modules, patterns));
  const groups = typeof biases === 'string' ? [] : biases.filter(isGroup);
  // Not every architecture has biases in all the usual groups; one that has none at all is no host for this method.
  const mayMiss = groups.length === usualGroups.length && usualGroups.every((group) => groups.includes(group));
  for (const group of groups) {
    const members = modules.filter((module) => isMember(module, group));
    if (members.length === 0 && !mayMiss) throw groupUnmatched(group, modules, host);
    for (const { path } of members) paths.add(path);
  }
  if (mayMiss && paths.size === 0) throw groupUnmatched(groups[0]!, modules, host);
  return modules.filter(({ path }) => paths.has(path));
}

function moduleOf(site: Site): BiasModule[] {
  if ((site.kind === 'linear' || site.kind === 'norm') && !hasBias(site)) return [];
  if (site.kind === 'linear') return [{ path: site.path, size: site.outputSize, group: site.role }];
  if (site.kind !== 'norm') return [];
  return [{ path: site.path, size: site.size, group: normGroup(site) }];
}

/** Paths among modules of several kinds, as `matchTargets` finds them within one. */
function matchModules(host: HostSpec, modules: readonly BiasModule[], patterns: string | readonly string[]): string[] {
  const sites = modules.map(({ path, size }): Site => ({ kind: 'tensor', path, shape: [size] }));
  return matchTargets({ ...host, sites }, 'tensor', patterns).map(({ path }) => path);
}

/** One map for queries, keys and values belongs to the groups of all three, the gate of a feed-forward network to that of its first map. */
const isMember = ({ group: found }: BiasModule, group: BiasGroup): boolean =>
  found === group ||
  (found === 'queryKeyValue' && (group === 'query' || group === 'key' || group === 'value')) ||
  (found === 'feedForwardGate' && group === 'feedForwardIn');

const isGroup = (entry: string): entry is BiasGroup => (biasGroups as readonly string[]).includes(entry);

function groupUnmatched(group: BiasGroup, modules: readonly BiasModule[], host: HostSpec): PeftError {
  const known = [...new Set(modules.flatMap((module) => module.group ?? []))];
  return new PeftError('TARGET_UNMATCHED', {
    found: `host "${host.name}" has no biases of the group "${group}"`,
    expected:
      known.length > 0
        ? `some of ${known.join(', ')}`
        : `${sitesOfKind(host, 'linear').length} maps have no role here: name paths`,
    fix: 'take the group out',
  });
}
