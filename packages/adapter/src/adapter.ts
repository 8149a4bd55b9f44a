import { type HostSpec, type PeftMethod, substream } from '@tfjs-peft/peft-core';
import { dropout, type MethodDefinition, parseConfig } from '@tfjs-peft/peft-core/authoring';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';
import { adapterHubFormat } from './adapter-hub.js';
import { adapterSites } from './adapter-sites.js';
import { applyBottleneck, bottleneckParameters, formOf, isShared, parameterName } from './bottleneck.js';
import { averageAdapters } from './average-adapters.js';
import { type AdapterConfig, adapterConfig, type AdapterOptions } from './config.js';

/** Makes bottleneck adapters known by name: type `BOTTLENECK_ADAPTER`. */
export const adapterDefinition: MethodDefinition<typeof adapterConfig> = {
  type: 'BOTTLENECK_ADAPTER',
  config: adapterConfig,
  create: (config) => createAdapter(config),
  adapterHub: adapterHubFormat,
};

/**
 * Bottleneck adapters: in chosen sublayers, `y + s · (f(z · down + b) · up + b')` takes the place of the sublayer's output y before residual
 * and LayerNorm, with z = y (sequential; Houlsby et al. 2019, arXiv 1902.00751, section 2.1), z = LayerNorm(x + y) (normed; Pfeiffer et al. 2021,
 * arXiv 2005.00247) or z = x, the sublayer's input (parallel; He et al. 2022, arXiv 2110.04366). Identity at the start but with initialisation `bert`. No weight can hold it: it does not merge.
 * Errors: `CONFIG_INVALID`; `plan`: `SITE_MISSING`, `TARGET_UNMATCHED`.
 */
export const adapter = (config: AdapterOptions = {}): PeftMethod<AdapterConfig> =>
  createAdapter(parseConfig(adapterConfig, config, 'adapter'));

function createAdapter(config: AdapterConfig): PeftMethod<AdapterConfig> {
  const specsOf = (host: HostSpec) =>
    adapterSites(config, host).flatMap(({ path, size }) =>
      bottleneckParameters(config, size).map(({ key, ...spec }) => ({
        ...spec,
        name: parameterName(config, path, key),
        site: path,
      })),
    );
  return {
    type: adapterDefinition.type,
    config,
    namespaces: [config.name],
    kinds: ['sublayerAdapter'],
    plan(host) {
      const specs = specsOf(host);
      return {
        raw: specs.map(({ name, shape, initial }) => ({ name, shape, initial })),
        effective: specs.map(({ name, shape, site }) => ({ name, shape, site, perExample: 'axis' as const })),
      };
    },
    intervene: (effective, { host, mode, streams }) =>
      adapterSites(config, host).map(({ path, size }): Intervention => {
        const rate = mode === 'train' ? config.dropout : 0;
        const delta = (x: tf.Tensor) =>
          dropout(applyBottleneck(config, effective, path, x), rate, substream(streams.dropout, config.name, path));
        const shared = isShared(config, effective, path, size);
        return {
          kind: 'sublayerAdapter',
          path,
          placement: config.placement,
          perToken: shared,
          draws: rate > 0,
          ...(shared && { form: formOf(config, effective, path) }),
          apply: config.placement === 'sequential' ? (y) => y.add(delta(y)) : delta,
        };
      }),
    combine: (members, options) => averageAdapters(config, members, options, createAdapter),
  };
}
