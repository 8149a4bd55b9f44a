import { createStream, substream } from '@tfjs-peft/peft-core';
import { normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import type { DecoderType } from '../architecture/decoder-types.js';
import { memoryTensorSource } from '../weights/tensor-source.js';
import { createDecoderHost, type DecoderHost } from './create-host.js';
import { decoderTensors } from './decoder-tensors.js';
import { describeDecoder } from './describe-decoder.js';
import { decoderFamilyOf } from './families.js';
import { parseDecoderConfig } from './parse-decoder-config.js';

/** Family and sizes of a random decoder; small ones if absent. */
export interface RandomDecoderOptions {
  /** `gpt2` if absent. */
  readonly modelType?: DecoderType;
  readonly hiddenSize?: number;
  readonly numHiddenLayers?: number;
  readonly numAttentionHeads?: number;
  /** As many as heads of queries in GPT-2, else half of them. */
  readonly numKeyValueHeads?: number;
  readonly intermediateSize?: number;
  readonly vocabSize?: number;
  readonly maxPositionEmbeddings?: number;
  readonly tiedEmbeddings?: boolean;
  /** Rate of all dropouts of the decoder in training; 0 if absent. */
  readonly dropout?: number;
}

/** A config.json of a tiny decoder under the keys of its family. */
export function tinyDecoderConfig({ modelType = 'gpt2', ...sizes }: RandomDecoderOptions = {}): Record<
  string,
  string | number | boolean
> {
  const { config: keys } = decoderFamilyOf(modelType);
  const { hiddenSize = 32, numAttentionHeads = 4 } = sizes;
  return {
    model_type: modelType,
    [keys.vocabSize.key]: sizes.vocabSize ?? 100,
    [keys.hiddenSize.key]: hiddenSize,
    [keys.numHiddenLayers.key]: sizes.numHiddenLayers ?? 2,
    [keys.numAttentionHeads.key]: numAttentionHeads,
    [keys.intermediateSize.key]: sizes.intermediateSize ?? 64,
    [keys.maxPositionEmbeddings.key]: sizes.maxPositionEmbeddings ?? 64,
    [keys.tiedEmbeddings.key]: sizes.tiedEmbeddings ?? true,
    num_key_value_heads: sizes.numKeyValueHeads ?? (modelType === 'gpt2' ? numAttentionHeads : numAttentionHeads / 2),
    head_dim: hiddenSize / numAttentionHeads,
    embd_pdrop: sizes.dropout ?? 0,
    resid_pdrop: sizes.dropout ?? 0,
    attn_pdrop: sizes.dropout ?? 0,
    attention_dropout: sizes.dropout ?? 0,
    pad_token_id: 0,
  };
}

/** A tiny decoder with random weights, for tests of methods: the same seed gives the same host on every backend. */
export function createRandomDecoder(options: RandomDecoderOptions = {}, seed = 0): Promise<DecoderHost> {
  const json = tinyDecoderConfig(options);
  const name = `random-${options.modelType ?? 'gpt2'}-${seed}`;
  const root = substream(createStream(seed), 'random-decoder');
  const decoder = describeDecoder(parseDecoderConfig(json, name), options.tiedEmbeddings === false);
  const arrays = decoderTensors(decoder).map(({ path, shape, role }) => {
    const inputs = role === 'inputFirst' ? shape[0]! : shape.at(-1)!;
    const deviation = role === 'bias' || role === 'normWeight' ? 0.1 : 1 / Math.sqrt(inputs);
    const mean = role === 'normWeight' ? 1 : 0;
    const data = normals(substream(root, path), sizeOf(shape)).map((z) => mean + deviation * z);
    return [path, { shape, data }] as const;
  });
  return createDecoderHost({ config: json, tensors: memoryTensorSource(new Map(arrays)), name });
}
