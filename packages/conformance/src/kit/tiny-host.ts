import {
  createRandomDecoder,
  createRandomHost,
  type RandomDecoderOptions,
  type RandomHostOptions,
} from '@tfjs-peft/transformer';
import type { ConformanceHost } from '../options.js';

/** What may look like a fault of the method on a host so small. */
export const ifNarrow =
  'if it passes on tinyHost({ hiddenSize: 64 }), a unit with a kink (ReLU) was too narrow here: use that host, or a wider configuration';

const sizes = { hiddenSize: 16, numAttentionHeads: 2, intermediateSize: 24, vocabSize: 64, maxPositionEmbeddings: 32 };

/** A random encoder of hidden size 16 with 2 layers: `tinyHost({ modelType: 'roberta' })`. Sizes may be given: `{ hiddenSize: 64 }`. */
export const tinyHost = (options: RandomHostOptions = {}): ConformanceHost => ({
  name: options.modelType ?? 'bert',
  create: ({ seed = 0, layers = 2 } = {}) => createRandomHost({ ...sizes, ...options, numHiddenLayers: layers }, seed),
});

/** A random decoder of hidden size 16 with 2 layers: `tinyDecoder({ modelType: 'llama' })`. */
export const tinyDecoder = (options: RandomDecoderOptions = {}): ConformanceHost => ({
  name: options.modelType ?? 'gpt2',
  create: ({ seed = 0, layers = 2 } = {}) =>
    createRandomDecoder({ ...sizes, ...options, numHiddenLayers: layers }, seed),
});
