import type { HostSpec } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import type { ActivationName } from './activations.js';
import { adapterSites } from './adapter-sites.js';
import { type AdapterConfig, bottleneckSizeOf, floorDivide } from './config.js';

/** Our configuration as the entry `config` of AdapterHub's adapter_config.json. */
export function writeBottleneckConfig(config: AdapterConfig, host: HostSpec): JsonObject {
  const sites = adapterSites(config, host);
  const adapted = new Set(sites.map(({ layer }) => layer));
  return {
    mh_adapter: config.places.includes('attention'),
    output_adapter: config.places.includes('feedForward'),
    reduction_factor: factorFor(host.hiddenSize, bottleneckSizeOf(config, host.hiddenSize)),
    non_linearity: nameOfActivation(config.activation),
    original_ln_before: config.placement === 'normed',
    original_ln_after: true,
    ln_before: false,
    ln_after: false,
    residual_before_ln: true,
    adapter_residual_before_ln: false,
    is_parallel: config.placement === 'parallel',
    // Its reader takes fractions alone; left out it is one.
    ...(config.scale !== 1 && { scaling: config.scale }),
    dropout: config.dropout,
    init_weights: config.initialisation === 'bert' ? 'bert' : 'mam_adapter',
    leave_out: Array.from({ length: host.numHiddenLayers }, (_, layer) => layer).filter((layer) => !adapted.has(layer)),
    cross_adapter: false,
    inv_adapter: null,
    phm_layer: false,
    use_gating: false,
  };
}

const hubNames: Partial<Record<ActivationName, string>> = { leaky_relu: 'leakyrelu', identity: 'linear' };
const nameOfActivation = (name: ActivationName): string => hubNames[name] ?? name;

/** A factor f with `hidden // f` equal to the width; the quotient itself may fall short by its rounding. */
function factorFor(hidden: number, width: number): number {
  let factor = hidden / width;
  while (floorDivide(hidden, factor) < width) factor *= 1 - Number.EPSILON;
  return factor;
}
