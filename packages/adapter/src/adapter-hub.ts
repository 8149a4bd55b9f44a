import type { HostSpec, NamedArray, NamedArrays } from '@tfjs-peft/peft-core';
import { parseConfig } from '@tfjs-peft/peft-core/authoring';
import { type AdapterHubFormat, type AdapterHubPart, checkTensors, type JsonObject } from '@tfjs-peft/peft-core/files';
import { adapterSites, type SublayerSite } from './adapter-sites.js';
import { bottleneckParameters, parameterName } from './bottleneck.js';
import { type AdapterConfig, adapterConfig, type AdapterOptions } from './config.js';
import { isBottleneckConfig, readBottleneckConfig } from './read-hub-config.js';
import { writeBottleneckConfig } from './write-hub-config.js';

/** Ends of the names of stored tensors, by ours; kernels are stored as `[output, input]`. */
const storedKeys: Readonly<Record<string, { readonly end: string; readonly transposed: boolean }>> = {
  'down.weight': { end: 'adapter_down.0.weight', transposed: true },
  'down.bias': { end: 'adapter_down.0.bias', transposed: false },
  'up.weight': { end: 'adapter_up.weight', transposed: true },
  'up.bias': { end: 'adapter_up.bias', transposed: false },
  scale: { end: 'scaling', transposed: false },
};

/** Names that the module `adapters` had in old files; AdapterHub's own reader renames them too. */
const oldModules = [
  'attention_text_task_adapters',
  'attention_text_lang_adapters',
  'layer_text_task_adapters',
  'layer_text_lang_adapters',
];

/**
 * Bottleneck adapters of AdapterHub (adapters 1.2): tensors are called `<sublayer>.adapters.<adapter>.adapter_down.0.weight` `[m, hidden]`.
 * Strict: every entry is understood, every tensor is claimed. Errors: `CONFIG_INVALID`, `CONFIG_KEY_UNSUPPORTED`, `TENSOR_MISSING`,
 * `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`.
 */
export const adapterHubFormat: AdapterHubFormat<AdapterOptions> = {
  reads: isBottleneckConfig,
  modules: ['adapters', ...oldModules],
  read: readAdapter,
};

function readAdapter(part: AdapterHubPart, host: HostSpec): { config: AdapterConfig; effective: NamedArrays } {
  const config = parseConfig(adapterConfig, readBottleneckConfig(part, host), 'adapter');
  const current = new Map([...part.tensors].map(([name, array]) => [currentName(name), array]));
  const entries = storedTensors(config, host, part.name);
  checkTensors(
    current,
    entries.map(({ stored, shape, transposed }) => ({
      name: stored,
      shape: transposed ? [...shape].reverse() : shape,
    })),
    `adapter "${part.name}"`,
  );
  return {
    config,
    effective: new Map(
      entries.map(({ own, stored, transposed }) => {
        const array = current.get(stored)!;
        return [own, transposed ? transpose(array) : array];
      }),
    ),
  };
}

/**
 * The inverse of `adapterHubFormat`: adapter_config.json and tensors of an adapter called `adapterName`. Whoever writes the JSON must write
 * a number under `config.scaling` with a decimal point (`4.0`): AdapterHub refuses whole numbers there.
 */
export function toAdapterHub(
  config: AdapterConfig,
  effective: NamedArrays,
  host: HostSpec,
  adapterName: string,
): { readonly config: JsonObject; readonly tensors: NamedArrays } {
  return {
    config: {
      config: writeBottleneckConfig(config, host),
      hidden_size: host.hiddenSize,
      model_name: host.name,
      model_type: host.modelType,
      name: adapterName,
      version: 'adapters.1.2.0',
    },
    tensors: new Map(
      storedTensors(config, host, adapterName).map(({ own, stored, transposed }) => {
        const array = effective.get(own)!;
        return [`${host.baseModelPrefix}.${stored}`, transposed ? transpose(array) : array];
      }),
    ),
  };
}

function storedTensors(config: AdapterConfig, host: HostSpec, adapterName: string) {
  return adapterSites(config, host).flatMap((site) =>
    bottleneckParameters(config, site.size).map(({ key, shape }) => {
      const { end, transposed } = storedKeys[key]!;
      const stored = `${moduleOf(site, host)}.adapters.${adapterName}.${end}`;
      return { own: parameterName(config, site.path, key), stored, shape, transposed };
    }),
  );
}

/** The module that holds a sublayer's adapters: the sublayer itself, or one of the layer's. */
function moduleOf({ path, place }: SublayerSite, { python }: HostSpec): string {
  const module = python?.bottleneckModules?.[place];
  return module === undefined ? path : `${path.slice(0, path.lastIndexOf('.'))}.${module}`;
}

const currentName = (name: string): string =>
  oldModules.reduce((renamed, old) => renamed.replace(`.${old}.`, '.adapters.'), name);

function transpose({ shape, data }: NamedArray): NamedArray {
  const [rows, columns] = shape as [number, number];
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]!;
  return { shape: [columns, rows], data: out };
}
