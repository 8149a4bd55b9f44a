import { type HostSpec, PeftError, type Site, sitesOfKind } from '@tfjs-peft/peft-core';
import { matchTargets } from '@tfjs-peft/peft-core/authoring';
import type { TarpConfig } from './config.js';

/** An affine map of a host. */
export type LinearSite = Extract<Site, { kind: 'linear' }>;

/**
 * The affine maps that a configuration names, in the order of the forward pass. Errors: `TARGET_UNMATCHED`, `TARGET_PATTERN_INVALID`;
 * `TARGET_MISSHAPEN` where Kronecker blocks do not divide the sizes of a map.
 */
export function chooseMaps({ targets, form, blocks }: TarpConfig, host: HostSpec): LinearSite[] {
  const sites = targets === null ? mapsOfLayers(host) : matchTargets(host, 'linear', targets);
  const odd = sites.find(({ inputSize, outputSize }) => inputSize % blocks !== 0 || outputSize % blocks !== 0);
  if (form !== 'kronecker' || !odd) return sites;
  throw new PeftError('TARGET_MISSHAPEN', {
    found: `${blocks} Kronecker blocks for "${odd.path}" of ${odd.inputSize} inputs and ${odd.outputSize} outputs`,
    expected: '`blocks` that divides both',
    fix: 'take another number of blocks, or name other targets',
  });
}

function mapsOfLayers(host: HostSpec): LinearSite[] {
  const sites = sitesOfKind(host, 'linear').filter(({ role, layer }) => layer !== undefined && role !== undefined);
  if (sites.length > 0) return sites;
  throw new PeftError('TARGET_UNMATCHED', {
    found: `host "${host.name}" names no affine maps of layers by their roles`,
    expected: 'maps of attention and feed-forward network',
    fix: 'name the affine maps yourself, in `targets`',
  });
}
