import { type HostInputs, padBatch, type Parameters } from '@tfjs-peft/peft-core';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';

/** Two layers, hidden size 8. */
export const smallHost = () =>
  createRandomHost({ hiddenSize: 8, numAttentionHeads: 2, intermediateSize: 12, vocabSize: 20 }, 3);

/** Two texts, of five and of three tokens. */
export const someInputs = (): HostInputs =>
  padBatch(
    [
      [1, 5, 7, 9, 2],
      [1, 11, 2],
    ].map((inputIds) => ({ inputIds, tokenTypeIds: inputIds.map(() => 0) })),
    0,
  );

/** Parameters in the shapes of the given ones, all N(0, deviation). */
export const randomLike = (parameters: Parameters, deviation = 0.5): Map<string, tf.Tensor> =>
  new Map(
    [...parameters].map(([name, { shape }], i) => [name, tf.randomNormal(shape, 0, deviation, 'float32', 100 + i)]),
  );

export const largest = async (tensor: tf.Tensor): Promise<number> => Math.max(...(await tensor.abs().data()));
