import { type HostSpec, type NamedArray, type NamedArrays, PeftError, sitesOfKind } from '@tfjs-peft/peft-core';
import { floatsOf } from '@tfjs-peft/peft-core/authoring';
import type { FileCodec, JsonObject } from '@tfjs-peft/peft-core/files';
import type * as z from 'zod';
import type { PrefixConfig, prefixConfig } from './config.js';
import { keysName, valuesName } from './names.js';

const tensorName = 'prompt_embeddings';

/**
 * HF peft stores all layers as `prompt_embeddings` `[prefixLength, 2 · layers · hidden]`; a row viewed as `[2 · layers, heads, headSize]`
 * holds keys of layer i at 2i, values at 2i + 1. With and without an MLP the file looks the same.
 */
export const prefixFiles = (config: PrefixConfig): FileCodec => ({
  peftType: 'PREFIX_TUNING',
  headPrefix: 'base_model.',
  encode(effective, host) {
    const data = new Float32Array(config.prefixLength * 2 * host.numHiddenLayers * tokenSize(host));
    forEachHead(config, host, effective, (row, offset) => data.set(row, offset));
    return {
      config: {
        encoder_hidden_size: tokenSize(host),
        init_weights: null,
        num_attention_heads: headsOf(host).heads,
        num_layers: host.numHiddenLayers,
        num_transformer_submodules: 1,
        num_virtual_tokens: config.prefixLength,
        prefix_projection: false,
        token_dim: tokenSize(host),
      },
      tensors: new Map([[tensorName, { shape: [config.prefixLength, rowLength(host)], data }]]),
      differences: [
        ...(config.positionPolicy === 'shift'
          ? []
          : [
              'positions: trained with position ids from 0 (positionPolicy "none"); HF peft moves them by the prefix length',
            ]),
        ...(host.python?.takesPastKeyValues === false
          ? [`HF peft refuses prefix tuning on "${host.modelType}", which takes no past key values there`]
          : []),
      ],
    };
  },
  decode(tensors, host) {
    const stored = requireTensor(tensors, [config.prefixLength, rowLength(host)]);
    const effective = emptyEffective(config, host);
    forEachHead(config, host, effective, (row, offset) => row.set(stored.data.subarray(offset, offset + row.length)));
    return effective;
  },
});

/** Visits each row `[headSize]` of every layer's keys and values together with its place in the stored tensor. */
function forEachHead(
  config: PrefixConfig,
  host: HostSpec,
  effective: NamedArrays,
  visit: (row: Float32Array, offset: number) => void,
): void {
  sitesOfKind(host, 'attention').forEach(({ path, heads, headSize }, layer) => {
    [keysName(config, path), valuesName(config, path)].forEach((name, keyOrValue) => {
      const data = floatsOf(effective.get(name)!);
      for (let head = 0; head < heads; head++)
        for (let position = 0; position < config.prefixLength; position++) {
          const start = (head * config.prefixLength + position) * headSize;
          const slot = (2 * layer + keyOrValue) * heads + head;
          visit(data.subarray(start, start + headSize), position * rowLength(host) + slot * headSize);
        }
    });
  });
}

/** Heads of keys and values: fewer than those of queries where they are grouped, as in HF peft (huggingface/peft#1901). */
const headsOf = (host: HostSpec) => sitesOfKind(host, 'attention')[0]!;
/** Size of the keys of one position, and of its values. */
const tokenSize = (host: HostSpec) => headsOf(host).heads * headsOf(host).headSize;
const rowLength = (host: HostSpec) => 2 * host.numHiddenLayers * tokenSize(host);

const emptyEffective = (config: PrefixConfig, host: HostSpec): Map<string, NamedArray> =>
  new Map(
    sitesOfKind(host, 'attention').flatMap(({ path, heads, headSize }) =>
      [keysName(config, path), valuesName(config, path)].map((name) => {
        const shape = [heads, config.prefixLength, headSize];
        return [name, { shape, data: new Float32Array(heads * config.prefixLength * headSize) }] as const;
      }),
    ),
  );

function requireTensor(tensors: NamedArrays, shape: readonly number[]): NamedArray {
  const stored = tensors.get(tensorName);
  if (!stored)
    throw new PeftError('TENSOR_MISSING', {
      found: `no tensor "${tensorName}" in the adapter`,
      expected: `shape [${shape.join(', ')}]`,
      fix: 'save the adapter again or get the complete file',
    });
  if (stored.shape.length === 2 && stored.shape.every((length, axis) => length === shape[axis])) return stored;
  throw new PeftError('TENSOR_MISSHAPEN', {
    found: `"${tensorName}" has shape [${stored.shape.join(', ')}]`,
    expected: `[${shape.join(', ')}] (num_virtual_tokens × 2 · layers · hidden size of the host)`,
    fix: 'load it on the host it was trained for, with the configuration it was saved with',
  });
}

/** The configuration in HF peft's file as ours: always flat, since the stored rows are the MLP's output, and always shifted. */
export function readHfPrefixConfig(config: JsonObject, host: HostSpec): z.input<typeof prefixConfig> {
  const expected: Record<string, number> = {
    token_dim: tokenSize(host),
    num_layers: host.numHiddenLayers,
    num_attention_heads: headsOf(host).heads,
    num_transformer_submodules: 1,
  };
  for (const [key, value] of Object.entries(expected))
    if (config[key] != null && config[key] !== value)
      throw new PeftError('ADAPTER_FOR_ANOTHER_HOST', {
        found: `${key} ${JSON.stringify(config[key])} in adapter_config.json`,
        expected: `${value} for host "${host.name}"`,
        fix: 'load the adapter on the host it was trained for',
      });
  if (typeof config.num_virtual_tokens !== 'number')
    throw new PeftError('CONFIG_INVALID', {
      found: `num_virtual_tokens ${JSON.stringify(config.num_virtual_tokens ?? null)} in adapter_config.json`,
      expected: 'a positive integer',
    });
  return { prefixLength: config.num_virtual_tokens, reparametrisation: 'none', positionPolicy: 'shift' };
}
