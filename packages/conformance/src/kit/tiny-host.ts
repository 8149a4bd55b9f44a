import { createRandomHost, type RandomHostOptions } from '@tfjs-peft/transformer';
import type { ConformanceHost } from '../options.js';

/** A random encoder of hidden size 16 with 2 layers: `tinyHost({ modelType: 'roberta' })`. */
export const tinyHost = (options: RandomHostOptions = {}): ConformanceHost => ({
  name: options.modelType ?? 'bert',
  create: ({ seed = 0, layers = 2 } = {}) =>
    createRandomHost(
      {
        hiddenSize: 16,
        numAttentionHeads: 2,
        intermediateSize: 24,
        vocabSize: 64,
        maxPositionEmbeddings: 32,
        ...options,
        numHiddenLayers: layers,
      },
      seed,
    ),
});
