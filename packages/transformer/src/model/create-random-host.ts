import { createStream, type Host, normals, sizeOf, substream } from '@tfjs-peft/peft-core';
import { expectedTensors } from '../weights/expected-tensors.js';
import { memoryTensorSource } from '../weights/tensor-source.js';
import { parseBertConfig } from './bert-config.js';
import { createHost } from './create-host.js';

export interface RandomHostSizes {
  readonly hiddenSize?: number;
  readonly numHiddenLayers?: number;
  readonly numAttentionHeads?: number;
  readonly intermediateSize?: number;
  readonly vocabSize?: number;
  readonly maxPositionEmbeddings?: number;
  /** Rate of all dropouts of the encoder in training; 0 if absent. */
  readonly dropout?: number;
}

/** A config.json of a tiny BERT, small enough for finite differences. */
export const tinyBertConfig = (sizes: RandomHostSizes = {}) => ({
  model_type: 'bert',
  hidden_size: sizes.hiddenSize ?? 32,
  num_hidden_layers: sizes.numHiddenLayers ?? 2,
  num_attention_heads: sizes.numAttentionHeads ?? 4,
  intermediate_size: sizes.intermediateSize ?? 64,
  vocab_size: sizes.vocabSize ?? 100,
  max_position_embeddings: sizes.maxPositionEmbeddings ?? 64,
  type_vocab_size: 2,
  hidden_dropout_prob: sizes.dropout ?? 0,
  attention_probs_dropout_prob: sizes.dropout ?? 0,
});

/**
 * A tiny BERT with pooler and random weights, for tests of methods. Weights come from named streams: the same seed gives the same host on every
 * backend. Affine weights are N(0, 1/inputs), tables N(0, 1), LayerNorm weights N(1, 0.01), biases N(0, 0.01), so that wrong wiring shows.
 */
export function createRandomHost(sizes: RandomHostSizes = {}, seed = 0): Promise<Host> {
  const json = tinyBertConfig(sizes);
  const name = `random-bert-${seed}`;
  const root = substream(createStream(seed), 'random-host');
  const arrays = expectedTensors(parseBertConfig(json, name), true).map(({ path, shape, role }) => {
    const deviation = role === 'affineWeight' ? 1 / Math.sqrt(shape[1]!) : shape.length === 2 ? 1 : 0.1;
    const mean = path.endsWith('LayerNorm.weight') ? 1 : 0;
    const data = normals(substream(root, path), sizeOf(shape)).map((z) => mean + deviation * z);
    return [path, { shape, data }] as const;
  });
  return createHost({ config: json, tensors: memoryTensorSource(new Map(arrays)), name });
}
