import { type HostSpec, PeftError, type Site } from '@tfjs-peft/peft-core';
import { endsOf, findUnmatched, matchNames, nearMisses, servesRole } from '@tfjs-peft/peft-core/authoring';
import { hfPath, isInLayers, layerFinder, layerList } from '@tfjs-peft/peft-core/files';
import type { LoraConfig } from './config.js';

/** A place where LoRA can act: an affine map, or an embedding table. */
export type LoraSite = Extract<Site, { kind: 'linear' | 'table' }>;

/** The part of the configuration that says where. */
export type TargetSelection = Pick<LoraConfig, 'targets' | 'exclude' | 'layers' | 'layersPattern'> &
  Partial<Pick<LoraConfig, 'pooler'>>;

const allLinear = 'all-linear';

/**
 * The sites that a configuration names, in the order of the forward pass. Names in a list match as in HF peft; a regular expression may also
 * be written for paths without the encoder's own name (`encoder.layer…` instead of `bert.encoder.layer…`).
 * Errors: `TARGET_UNMATCHED` for each pattern and layer that matches nothing, `TARGET_PATTERN_INVALID`.
 */
export function selectTargets(config: TargetSelection, host: HostSpec): LoraSite[] {
  const sites = host.sites.filter(
    (site): site is LoraSite =>
      site.kind === 'table' || (site.kind === 'linear' && (config.pooler !== false || site.role !== 'pooler')),
  );
  const { targets, exclude } = config;
  for (const [field, value] of Object.entries({ targets, exclude }))
    if (value !== null && !(value === allLinear && field === 'targets')) requireHits(field, value, sites, host);
  const isNamed = exclude === null || exclude.length === 0 ? () => false : matchSites(exclude, host);
  const isTarget = targets === null || targets === allLinear ? () => false : matchSites(targets, host);
  const wanted = (site: LoraSite): boolean => {
    if (targets === null) return site.kind === 'linear' && (servesRole(site, 'query') || servesRole(site, 'value'));
    return targets === allLinear ? site.kind === 'linear' : isTarget(site);
  };
  const chosen = sites.filter((site) => wanted(site) && !isNamed(site));
  const whole = new Set(Array.isArray(targets) ? targets : []);
  const layerAt = layerFinder(config);
  const kept = chosen.filter(
    ({ path }) => whole.has(hfPath(host, path)) || isInLayers(config, layerAt(hfPath(host, path))),
  );
  const layersKept = new Set(kept.map(({ path }) => layerAt(hfPath(host, path))));
  for (const layer of layerList(config))
    if (!layersKept.has(layer))
      throw nothingLeft(`layer ${layer} of layers [${layerList(config).join(', ')}] holds no target`, host);
  if (kept.length === 0) throw nothingLeft('after `exclude`, no target is left', host);
  return kept;
}

/** Whether a module is meant, by its name in HF's classifier; an expression may also be for its path. */
function matchSites(patterns: string | readonly string[], host: HostSpec): (site: LoraSite) => boolean {
  const isMeant = matchNames(patterns);
  return ({ path }) => isMeant(hfPath(host, path)) || (typeof patterns === 'string' && isMeant(path));
}

function requireHits(field: string, value: string | readonly string[], sites: readonly LoraSite[], host: HostSpec) {
  const names = sites.map(({ path }) => hfPath(host, path));
  const all = typeof value === 'string' ? [...names, ...sites.map(({ path }) => path)] : names;
  const missed = findUnmatched(value, all);
  if (missed !== undefined) throw unmatched(field, missed, value, sites, host);
}

function unmatched(
  field: string,
  pattern: string,
  patterns: string | readonly string[] | null,
  sites: readonly LoraSite[],
  host: HostSpec,
): PeftError {
  const names = [...new Set(sites.flatMap(({ path }) => endsOf(path)))];
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
