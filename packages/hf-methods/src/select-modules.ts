import { type HostSpec, PeftError, type Site, sitesOfKind } from '@tfjs-peft/peft-core';
import { endsOf, findUnmatched, hasBias, nearMisses, servesRole } from '@tfjs-peft/peft-core/authoring';
import { hfPath, hfSelector, type HfTargets, isInLayers, layerFinder } from '@tfjs-peft/peft-core/files';
import type { ModuleEntries } from './module-entries.js';

/** An affine map that a method changes. */
export interface TargetModule {
  readonly path: string;
  /** Its name in HF's classifier, which patterns are held against. */
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly hasBias: boolean;
}

/** The entries that select modules, under the names that the selector has for them. */
export const targetsOf = (entries: ModuleEntries): HfTargets => ({
  targets: entries.target_modules,
  exclude: entries.exclude_modules ?? null,
  layers: entries.layers_to_transform ?? null,
  layersPattern: entries.layers_pattern ?? null,
});

/** Affine maps that the entries may mean: all, or all but the pooler. */
export const candidatesOf = ({ pooler }: ModuleEntries, host: HostSpec) =>
  sitesOfKind(host, 'linear').filter(({ role }) => pooler !== false || role !== 'pooler');

/**
 * The affine maps that HF peft adapts for these entries, in the order of the forward pass; queries and values if they name none. An expression
 * may also be for paths without the encoder's own name.
 * Errors: `TARGET_UNMATCHED` for a name in the list without a hit, and where nothing is selected; `TARGET_PATTERN_INVALID`.
 */
export function selectModules(entries: ModuleEntries, host: HostSpec): TargetModule[] {
  const sites = candidatesOf(entries, host);
  const names = sites.map(({ path }) => hfPath(host, path));
  const { target_modules: targets } = entries;
  const missed = Array.isArray(targets) ? findUnmatched(targets as readonly string[], names) : undefined;
  if (missed !== undefined) throw unmatched(`target_modules: "${missed}" matches`, missed, names, host);
  const selected = sites.filter(isSelected(entries, host));
  if (selected.length === 0) throw unmatched('the targets select', String(targets), names, host);
  return selected.map((site) => {
    const { path, inputSize, outputSize } = site;
    return {
      path,
      name: hfPath(host, path),
      inputs: inputSize,
      outputs: outputSize,
      hasBias: hasBias(site),
    };
  });
}

type LinearSite = Extract<Site, { kind: 'linear' }>;

function isSelected(entries: ModuleEntries, host: HostSpec): (site: LinearSite) => boolean {
  const targets = targetsOf(entries);
  if (targets.targets === null || targets.targets === 'all-linear') {
    // To HF peft both are lists of names, which layers narrow as they do not narrow an expression.
    const isLeftIn = hfSelector({ ...targets, targets: '.*' });
    const layerAt = layerFinder(targets);
    const isMeant = (name: string) => isLeftIn(name) && isInLayers(targets, layerAt(name));
    const isNamed = (site: LinearSite) =>
      targets.targets !== null || servesRole(site, 'query') || servesRole(site, 'value');
    return (site) => isNamed(site) && isMeant(hfPath(host, site.path));
  }
  const selects = hfSelector(targets);
  const isExpression = typeof targets.targets === 'string';
  return ({ path }) => selects(hfPath(host, path)) || (isExpression && selects(path));
}

function unmatched(found: string, wanted: string, names: readonly string[], host: HostSpec): PeftError {
  const close = nearMisses(wanted, new Set(names.flatMap(endsOf)));
  return new PeftError('TARGET_UNMATCHED', {
    found: `${found} no affine map of host "${host.name}"`,
    expected: close.length > 0 ? `something like ${close.join(', ')}` : `a name such as ${names[0] ?? '(none)'}`,
    fix: 'correct the names, or load the adapter on the host it was trained for',
  });
}
