import { type HostSpec, type Site, sitesOfKind } from '@tfjs-peft/peft-core';
import { inLayers } from '@tfjs-peft/peft-core/authoring';
import type { PrefixConfig } from './config.js';

export type AttentionSite = Extract<Site, { kind: 'attention' }>;

/** The attentions that get a prefix, in the order of the forward pass. Errors: `TARGET_UNMATCHED`. */
export function prefixSites({ layers }: Pick<PrefixConfig, 'layers'>, host: HostSpec): AttentionSite[] {
  return inLayers(sitesOfKind(host, 'attention'), layers, host);
}
