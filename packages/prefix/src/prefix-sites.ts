import { type HostSpec, PeftError, type Site, sitesOfKind } from '@tfjs-peft/peft-core';
import type { PrefixConfig } from './config.js';

export type AttentionSite = Extract<Site, { kind: 'attention' }>;

/** The attentions that get a prefix, in the order of the forward pass. Errors: `TARGET_UNMATCHED`. */
export function prefixSites({ layers }: Pick<PrefixConfig, 'layers'>, host: HostSpec): AttentionSite[] {
  const sites = sitesOfKind(host, 'attention');
  const unknown = layers?.find((layer) => !sites.some((site) => site.layer === layer));
  if (unknown !== undefined)
    throw new PeftError('TARGET_UNMATCHED', {
      found: `layer ${unknown} on host "${host.name}"`,
      expected: `layers from 0 to ${host.numHiddenLayers - 1}`,
      fix: 'correct `layers` or leave it out for all layers',
    });
  return layers ? sites.filter(({ layer }) => layers.includes(layer)) : sites;
}
