import { type HostSpec, type NamedArray, type NamedArrays, PeftError } from '@tfjs-peft/peft-core';
import { floatsOf, nearMisses } from '@tfjs-peft/peft-core/authoring';
import {
  type AdapterHubFormat,
  type AdapterHubPart,
  checkTensors,
  type Json,
  type JsonObject,
} from '@tfjs-peft/peft-core/files';
import type * as z from 'zod';
import type { prefixConfig } from './config.js';
import { keysName, valuesName } from './names.js';
import { prefixSites } from './prefix-sites.js';

type PrefixOptions = z.input<typeof prefixConfig>;

/**
 * Prefixes of AdapterHub (adapters 1.2), always flat here: where the file holds an embedding and an MLP, the MLP runs once on all rows. AdapterHub
 * puts keys and values into attention and leaves positions alone, so that `positionPolicy` is `none`. Errors: `CONFIG_INVALID`,
 * `CONFIG_KEY_UNSUPPORTED` for gates, which have no counterpart, and for other entries that change outputs, `TENSOR_MISSING`, `TENSOR_UNEXPECTED`,
 * `TENSOR_MISSHAPEN`.
 */
export const prefixHubFormat: AdapterHubFormat<PrefixOptions> = {
  reads: ({ architecture }) => architecture === 'prefix_tuning',
  modules: ['prefix_tunings', 'prefix_gates'],
  read: readPrefix,
};

/** Entries with an effect, and those without one on an encoder or after training. */
const readKeys = [
  'architecture',
  'bottleneck_size',
  'flat',
  'leave_out',
  'non_linearity',
  'prefix_length',
  'use_gating',
];
const idleKeys = ['cross_prefix', 'dropout', 'encoder_prefix', 'init_weights_seed', 'shared_gating'];
const activations: Readonly<Record<string, (x: number) => number>> = {
  tanh: Math.tanh,
  relu: (x) => Math.max(0, x),
};
/** BERT calls the place of its only prefix so, DistilBERT by the second name. */
const locations = ['self_prefix', 'self'];

function readPrefix({ config, tensors: stored, name }: AdapterHubPart, host: HostSpec) {
  requireKnown(config);
  const tensors = withoutCopies(stored);
  const gate = [...tensors.keys()].find((tensor) => tensor.includes('prefix_gates.'));
  if ((config['use_gating'] ?? false) !== false || gate !== undefined)
    throw unsupported('use_gating', config['use_gating'], 'false: a prefix has no gate here nor in HF peft');
  const prefixLength = readSize(config, 'prefix_length');
  const options = {
    prefixLength,
    reparametrisation: 'none',
    positionPolicy: 'none',
    layers: readLayers(config, host),
  } as const;
  const sites = prefixSites(options, host);
  const module = (location: string) => `prefix_tuning.prefix_tunings.${name}.${location}.`;
  const location = locations.find((key) => [...tensors.keys()].some((tensor) => tensor.startsWith(module(key))));
  const start = module(location ?? locations[0]!);
  const rowLength = 2 * sites.length * host.hiddenSize;
  // Ejecting leaves `flat: false` in the configuration: the tensors say which form they have.
  const isFlat =
    tensors.has(`${start}control_trans`) || (config['flat'] === true && !tensors.has(`${start}wte.weight`));
  const rows = isFlat
    ? readFlat(tensors, `${start}control_trans`, prefixLength * rowLength)
    : runMlp(
        tensors,
        start,
        { prefixLength, rowLength, width: () => readSize(config, 'bottleneck_size') },
        config,
        host,
      );
  return { config: options, effective: splitStoredRows(rows, prefixLength, sites) };
}

/** The layers hold the one set of prefixes as a module of theirs, so that files have every tensor once more under each layer's name. */
function withoutCopies(stored: NamedArrays): NamedArrays {
  const isCopy = ([name, { data }]: [string, NamedArray]) => {
    const [, rest] = /\.prefix_tuning\.pool\.(.*)/.exec(name) ?? [];
    const original = stored.get(`prefix_tuning.${rest}`)?.data;
    return original?.length === data.length && data.every((value, index) => Object.is(value, original[index]));
  };
  return new Map([...stored].filter((entry) => !isCopy(entry)));
}

function readFlat(tensors: NamedArrays, name: string, size: number): Float32Array {
  checkTensors(tensors, [{ name, shape: [size] }], 'prefix of AdapterHub');
  return floatsOf(tensors.get(name)!);
}

interface MlpSizes {
  readonly prefixLength: number;
  readonly rowLength: number;
  width(): number;
}

/** Embedding `wte`, linear, activation, linear, summed in double precision: rows `[prefixLength, 2 · layers · hidden]`. */
function runMlp(
  tensors: NamedArrays,
  start: string,
  sizes: MlpSizes,
  config: JsonObject,
  host: HostSpec,
): Float32Array {
  const { prefixLength, rowLength } = sizes;
  const { non_linearity: nonLinearity } = config;
  const name = typeof nonLinearity === 'string' ? nonLinearity.toLowerCase() : '';
  const activation = activations[name];
  if (!activation) throw unsupported('non_linearity', nonLinearity, `one of ${Object.keys(activations).join(', ')}`);
  const [size, width] = [host.hiddenSize, sizes.width()];
  const expected = {
    'wte.weight': [prefixLength, size],
    'control_trans.0.weight': [width, size],
    'control_trans.0.bias': [width],
    'control_trans.2.weight': [rowLength, width],
    'control_trans.2.bias': [rowLength],
  };
  checkTensors(
    tensors,
    Object.entries(expected).map(([end, shape]) => ({ name: start + end, shape })),
    'prefix of AdapterHub',
  );
  const at = (end: keyof typeof expected) => floatsOf(tensors.get(start + end)!);
  const hidden = affine(at('wte.weight'), at('control_trans.0.weight'), at('control_trans.0.bias')).map(activation);
  return Float32Array.from(affine(hidden, at('control_trans.2.weight'), at('control_trans.2.bias')));
}

/** `x · weightᵀ + bias`, x `[rows, inputs]`, weight `[outputs, inputs]`. */
function affine(x: Float32Array | Float64Array, weight: Float32Array, bias: Float32Array): Float64Array {
  const inputs = weight.length / bias.length;
  const rows = x.length / inputs;
  const out = new Float64Array(rows * bias.length);
  for (let row = 0; row < rows; row++)
    for (let output = 0; output < bias.length; output++) {
      let sum = bias[output]!;
      for (let j = 0; j < inputs; j++) sum += x[row * inputs + j]! * weight[output * inputs + j]!;
      out[row * bias.length + output] = sum;
    }
  return out;
}

/** Rows viewed as `[prefixLength, 2 · adapted layers, heads, headSize]`, keys at even and values at odd places, to `[heads, prefixLength, headSize]`. */
function splitStoredRows(
  rows: Float32Array,
  prefixLength: number,
  sites: ReturnType<typeof prefixSites>,
): Map<string, NamedArray> {
  const slots = 2 * sites.length;
  return new Map(
    sites.flatMap(({ path, heads, headSize }, index) =>
      [keysName, valuesName].map((nameOf, keyOrValue): [string, NamedArray] => {
        const data = new Float32Array(heads * prefixLength * headSize);
        for (let head = 0; head < heads; head++)
          for (let position = 0; position < prefixLength; position++) {
            const from = ((position * slots + 2 * index + keyOrValue) * heads + head) * headSize;
            data.set(rows.subarray(from, from + headSize), (head * prefixLength + position) * headSize);
          }
        return [nameOf({ name: 'prefix' }, path), { shape: [heads, prefixLength, headSize], data }];
      }),
    ),
  );
}

/** Layers that are left out have no place in the tensors: the i-th pair of places belongs to the i-th layer that is left. */
function readLayers(config: JsonObject, host: HostSpec): number[] | null {
  const leftOut = config['leave_out'] ?? [];
  if (!Array.isArray(leftOut) || !leftOut.every((layer) => Number.isInteger(layer)))
    throw invalid('leave_out', leftOut, 'a list of layer numbers');
  const layers = Array.from({ length: host.numHiddenLayers }, (_, layer) => layer);
  const rest = layers.filter((layer) => !leftOut.includes(layer));
  if (rest.length === 0) throw invalid('leave_out', leftOut, 'at least one layer that is not left out');
  return rest.length === layers.length ? null : rest;
}

function requireKnown(config: JsonObject): void {
  const known = [...readKeys, ...idleKeys];
  for (const [key, value] of Object.entries(config))
    if (!known.includes(key)) throw unsupported(key, value, nearMisses(key, known)[0] ?? 'no such entry');
}

function readSize(config: JsonObject, key: string): number {
  const { [key]: value } = config;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw invalid(key, value, 'a positive integer');
}

const shown = (value: Json | undefined) => (value === undefined ? 'no value' : JSON.stringify(value));
const invalid = (key: string, value: Json | undefined, expected: string) =>
  new PeftError('CONFIG_INVALID', { found: `"${key}": ${shown(value)}, a prefix of AdapterHub`, expected });
const unsupported = (key: string, value: Json | undefined, expected: string) =>
  new PeftError('CONFIG_KEY_UNSUPPORTED', {
    found: `"${key}": ${shown(value)}, which changes what a prefix of AdapterHub computes`,
    expected,
    fix: 'train the prefix anew here (docs/prefix.md)',
  });
