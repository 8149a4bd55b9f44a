import { type HostSpec, PeftError, type Site, sitesOfKind } from '@tfjs-peft/peft-core';
import { inLayers } from '@tfjs-peft/peft-core/authoring';
import type { AdapterConfig } from './config.js';

export type SublayerSite = Extract<Site, { kind: 'sublayer' }>;

/** The sublayers that get an adapter, in the order of the forward pass. Errors: `SITE_MISSING`, `TARGET_UNMATCHED`. */
export function adapterSites({ places, layers }: AdapterConfig, host: HostSpec): SublayerSite[] {
  const sites = sitesOfKind(host, 'sublayer');
  const absent = places.find((place) => !sites.some((site) => site.place === place));
  if (absent)
    throw new PeftError('SITE_MISSING', {
      found: `host "${host.name}" names no ${absent} sublayer among its sites`,
      expected: `one in each layer for places "${places.join(', ')}"`,
      fix: 'take the place out of `places`, or use another method on this host',
    });
  return inLayers(sites, layers, host).filter(({ place }) => places.includes(place));
}
