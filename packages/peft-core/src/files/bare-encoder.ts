import type { HostSpec } from '../host-spec.js';
import type { JsonObject } from '../json/json.js';
import type { NamedArray, NamedArrays } from '../parameters.js';
import { namesModules } from './module-names.js';

/** Tensors and entries of an adapter around the encoder alone, from those for a classifier: without the name of the base model. */
export async function asBareEncoder(
  tensors: NamedArrays,
  config: JsonObject,
  host: HostSpec,
): Promise<{ readonly tensors: Map<string, NamedArray>; readonly config: JsonObject }> {
  const inside = `base_model.model.${host.baseModelPrefix}.`;
  return {
    tensors: new Map(
      [...tensors].map(([name, array]) => [
        name.startsWith(inside) ? `base_model.model.${name.slice(inside.length)}` : name,
        array,
      ]),
    ),
    config: namesModules(config) ? (await import('./respell-config.js')).asBareConfig(config, host) : config,
  };
}
