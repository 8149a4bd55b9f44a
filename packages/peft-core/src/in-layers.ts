import { PeftError } from './errors.js';
import type { HostSpec } from './host-spec.js';

/** The sites in these layers; all of them for null. Errors: `TARGET_UNMATCHED` for a layer in which the host has none of them. */
export function inLayers<Site extends { readonly layer?: number }>(
  sites: readonly Site[],
  layers: readonly number[] | null,
  host: HostSpec,
): Site[] {
  const unknown = layers?.find((layer) => !sites.some((site) => site.layer === layer));
  if (unknown !== undefined)
    throw new PeftError('TARGET_UNMATCHED', {
      found: `layer ${unknown} on host "${host.name}"`,
      expected: `layers from 0 to ${host.numHiddenLayers - 1}`,
      fix: 'correct `layers` or leave it out for all layers',
    });
  return sites.filter(({ layer }) => layers === null || layers.some((wanted) => wanted === layer));
}
