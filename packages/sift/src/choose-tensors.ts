import { type HostSpec, type LinearRole, PeftError } from '@tfjs-peft/peft-core';
import {
  findUnmatched,
  isWeightSite,
  matchNames,
  nearMisses,
  normGroup,
  type SiteTensor,
  tensorsOfSite,
  type WeightSite,
} from '@tfjs-peft/peft-core/authoring';
import { type TargetGroup, targetGroups } from './config.js';

/** A tensor of the host of which entries may be chosen. */
export interface HostTensor extends SiteTensor {
  /** Path of its module, where it acts. */
  readonly module: string;
  readonly kind: WeightSite['kind'];
  readonly role?: LinearRole;
  readonly layer?: number;
}

/**
 * The tensors that the targets name, in the order of the host's sites, each once. A table that two parts of a model share is one site.
 * Errors: `TARGET_UNMATCHED` for each entry without a hit, `TARGET_UNSUPPORTED` for one that names a place without a weight;
 * `TARGET_PATTERN_INVALID`.
 */
export function chooseTensors(targets: string | readonly string[], host: HostSpec): HostTensor[] {
  const modules = host.sites.filter(isWeightSite);
  const groups = typeof targets === 'string' ? [] : targets.flatMap((target) => readGroup(target) ?? []);
  const patterns = typeof targets === 'string' ? targets : targets.filter((target) => !readGroup(target));
  for (const { group } of groups)
    if (!modules.some((module) => groupsOf(module).includes(group))) throw groupUnmatched(group, modules, host);
  const names = modules.flatMap((module) => [module.path, ...tensorsOf(module).map(({ path }) => path)]);
  const missed = findUnmatched(patterns, names);
  if (missed !== undefined) throw unmatched(missed, names, host);
  const matches = matchNames(patterns);
  return modules.flatMap((module) =>
    tensorsOf(module).filter(
      ({ path, part }) =>
        groups.some((named) => groupsOf(module).includes(named.group) && (named.part ?? part) === part) ||
        matches(module.path) ||
        matches(path),
    ),
  );
}

/** `query`, or one tensor of each module in it, `query.weight`; undefined for what names no group. */
function readGroup(target: string): { readonly group: TargetGroup; readonly part?: HostTensor['part'] } | undefined {
  const [, name, part] = /^(\w+)(?:\.(weight|bias))?$/.exec(target) ?? [];
  const group = targetGroups.find((known) => known === name);
  return group && { group, ...(part !== undefined && { part: part as HostTensor['part'] }) };
}

/** One map for queries, keys and values is in the groups of all three, the gate of a feed-forward network in that of its first map. */
function groupsOf(module: WeightSite): readonly TargetGroup[] {
  if (module.kind === 'table') return ['embeddings'];
  if (module.kind === 'norm') return [normGroup(module)];
  const { role } = module;
  if (role === 'queryKeyValue') return ['query', 'key', 'value'];
  return role === undefined ? [] : [role === 'feedForwardGate' ? 'feedForwardIn' : role];
}

const tensorsOf = (site: WeightSite): HostTensor[] =>
  tensorsOfSite(site).map((tensor) => ({
    ...tensor,
    module: site.path,
    kind: site.kind,
    ...('role' in site && site.role && { role: site.role }),
    ...('layer' in site && site.layer !== undefined && { layer: site.layer }),
  }));

function groupUnmatched(group: TargetGroup, modules: readonly WeightSite[], host: HostSpec): PeftError {
  const known = [...new Set(modules.flatMap(groupsOf))];
  return new PeftError('TARGET_UNMATCHED', {
    found: `host "${host.name}" has no tensors of the group "${group}"`,
    expected: `some of ${known.join(', ')}`,
    fix: 'take the group out, or name paths',
  });
}

function unmatched(pattern: string, names: readonly string[], host: HostSpec): PeftError {
  const others = host.sites.filter((site) => !isWeightSite(site));
  const bare = others.find(({ path }) => matchNames(typeof pattern === 'string' ? [pattern] : pattern)(path));
  if (bare)
    return new PeftError('TARGET_UNSUPPORTED', {
      found: `target "${pattern}" names "${bare.path}" of host "${host.name}", a place of kind ${bare.kind} without a weight of its own`,
      expected: `affine maps, LayerNorms or tables, such as ${names[0]}`,
      fix: 'name the maps inside it',
    });
  const close = nearMisses(pattern, new Set(names.flatMap((name) => [name, name.slice(name.lastIndexOf('.') + 1)])));
  return new PeftError('TARGET_UNMATCHED', {
    found: `target "${pattern}" matches no tensor on host "${host.name}"`,
    expected: close.length > 0 ? `something like ${close.join(', ')}` : `a path such as ${names[0]}`,
    fix: 'correct the target or take it out',
  });
}
