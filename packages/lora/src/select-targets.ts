import { compilePattern, type HostSpec, matchNames, nearMisses, PeftError, type Site } from '@tfjs-peft/peft-core';
import type { LoraConfig } from './config.js';
import { hfPath } from './names.js';

/** A place where LoRA can act: an affine map, or an embedding table. */
export type LoraSite = Extract<Site, { kind: 'linear' | 'table' }>;

/** The part of the configuration that says where. */
export type TargetSelection = Pick<LoraConfig, 'targets' | 'exclude' | 'layers' | 'layersPattern'>;

export const allLinear = 'all-linear';

/**
 * The sites that a configuration names, in the order of the forward pass. Names in a list match as in HF peft; a regular expression may also
 * be written for paths without the encoder's own name (`encoder.layer…` instead of `bert.encoder.layer…`).
 * Errors: `TARGET_UNMATCHED` for each pattern and layer that matches nothing, `TARGET_PATTERN_INVALID`.
 */
export function selectTargets(config: TargetSelection, host: HostSpec): LoraSite[] {
  const sites = host.sites.filter((site): site is LoraSite => site.kind === 'linear' || site.kind === 'table');
  const { targets, exclude } = config;
  const named = sites.filter(({ path }) => patternList(exclude).some((pattern) => fits(pattern, exclude, path, host)));
  for (const [field, value] of Object.entries({ targets, exclude }))
    for (const pattern of value === allLinear && field === 'targets' ? [] : patternList(value))
      if (!sites.some(({ path }) => fits(pattern, value, path, host)))
        throw unmatched(field, pattern, value, sites, host);
  const wanted = (site: LoraSite): boolean => {
    if (targets === null) return site.kind === 'linear' && (site.role === 'query' || site.role === 'value');
    if (targets === allLinear) return site.kind === 'linear';
    return patternList(targets).some((pattern) => fits(pattern, targets, site.path, host));
  };
  const chosen = sites.filter((site) => wanted(site) && !named.includes(site));
  const kept = chosen.filter(
    ({ path }) =>
      (Array.isArray(targets) && targets.includes(hfPath(host, path))) || inLayers(config, hfPath(host, path)),
  );
  for (const layer of layerList(config))
    if (!kept.some(({ path }) => layerOf(config, hfPath(host, path)) === layer))
      throw nothingLeft(`layer ${layer} of layers [${layerList(config).join(', ')}] holds no target`, host);
  if (kept.length === 0) throw nothingLeft('after `exclude`, no target is left', host);
  return kept;
}

/** What HF peft would do with these entries of adapter_config.json at a module with this name. */
export function hfSelects({ targets, exclude, layers, layersPattern }: TargetSelection, name: string): boolean {
  if (exclude !== null && exclude.length > 0 && matchNames(exclude)(name)) return false;
  if (targets === null || !matchNames(targets)(name)) return false;
  if (typeof targets === 'string' || targets.includes(name)) return true;
  return inLayers({ layers, layersPattern }, name);
}

const patternList = (patterns: string | readonly string[] | null): readonly string[] =>
  patterns === null ? [] : typeof patterns === 'string' ? [patterns] : patterns;

/** Whether one pattern of `patterns` names the module at `path`. */
function fits(pattern: string, patterns: string | readonly string[] | null, path: string, host: HostSpec): boolean {
  const name = hfPath(host, path);
  if (typeof patterns !== 'string') return matchNames([pattern])(name);
  const isMeant = matchNames(pattern);
  return isMeant(name) || isMeant(path);
}

const layerList = ({ layers }: Pick<TargetSelection, 'layers'>): readonly number[] =>
  layers === null ? [] : typeof layers === 'number' ? [layers] : layers;

const inLayers = (config: Pick<TargetSelection, 'layers' | 'layersPattern'>, name: string): boolean => {
  const layers = layerList(config);
  const layer = layerOf(config, name);
  return layers.length === 0 || (layer !== undefined && layers.includes(layer));
};

/** The number behind the first two segments or more that have one, or behind what `layersPattern` names. */
function layerOf({ layersPattern }: Pick<TargetSelection, 'layersPattern'>, name: string): number | undefined {
  const patterns = patternList(layersPattern).filter((pattern) => pattern !== '');
  const isList =
    patterns.length > 0
      ? patterns.map((pattern) => compilePattern(`(?:.*\\.)?(?:${pattern})`))
      : [(before: string) => before.includes('.')];
  const segments = name.split('.');
  const numbers = segments
    .map((segment, index) => ({
      segment,
      before: segments.slice(0, index).join('.'),
      isLast: index === segments.length - 1,
    }))
    .filter(({ segment, isLast }) => /^\d+$/.test(segment) && !isLast);
  const found = isList.map((test) => numbers.find(({ before }) => test(before))).find((number) => number !== undefined);
  return found && Number(found.segment);
}

function unmatched(
  field: string,
  pattern: string,
  patterns: string | readonly string[] | null,
  sites: readonly LoraSite[],
  host: HostSpec,
): PeftError {
  const suffixes = ({ path }: LoraSite) => path.split('.').map((_, start, parts) => parts.slice(start).join('.'));
  const names = [...new Set(sites.flatMap(suffixes))];
  const close = nearMisses(pattern, names);
  const asList = typeof patterns === 'string' && names.some((name) => name === pattern);
  return new PeftError('TARGET_UNMATCHED', {
    found: `${field}: "${pattern}" matches no affine map and no embedding table of host "${host.name}"`,
    expected: close.length > 0 ? `something like ${close.join(', ')}` : `a path such as ${sites[0]?.path ?? '(none)'}`,
    fix: asList
      ? `a string is a regular expression for the whole path; pass the list ["${pattern}"]`
      : 'correct the pattern or take it out',
  });
}

const nothingLeft = (found: string, host: HostSpec) =>
  new PeftError('TARGET_UNMATCHED', {
    found: `${found} on host "${host.name}"`,
    expected: `layers from 0 to ${host.numHiddenLayers - 1} and at least one target`,
    fix: 'correct targets, exclude and layers',
  });
