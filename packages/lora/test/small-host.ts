import {
  createStream,
  type NamedArray,
  type Parameters,
  type PeftMethod,
  substream,
  toParameters,
  type HostSpec,
} from '@tfjs-peft/peft-core';
import { normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';

/** A random encoder that is small enough for finite differences. */
export const smallHost = (options: HostOptions = {}) =>
  createRandomHost(
    {
      hiddenSize: 8,
      numAttentionHeads: 2,
      intermediateSize: 12,
      vocabSize: 20,
      maxPositionEmbeddings: 16,
      ...options,
    },
    3,
  );
type HostOptions = NonNullable<globalThis.Parameters<typeof createRandomHost>[0]>;

/** Two texts, the second with padding. */
export const someInputs = () => ({
  inputIds: tf.tensor2d(
    [
      [3, 7, 9, 11],
      [5, 4, 0, 0],
    ],
    undefined,
    'int32',
  ),
  attentionMask: tf.tensor2d(
    [
      [1, 1, 1, 1],
      [1, 1, 0, 0],
    ],
    undefined,
    'int32',
  ),
});

/** Random values for all effective parameters, as arrays. */
export const randomArrays = (method: PeftMethod, host: HostSpec, seed: string | number = 1, deviation = 0.4) =>
  new Map(
    method.plan(host).effective.map(({ name, shape }): [string, NamedArray] => {
      const data = normals(substream(createStream(seed), name), sizeOf(shape)).map((z) => deviation * z);
      return [name, { shape, data }];
    }),
  );

export const randomValues = (
  method: PeftMethod,
  host: HostSpec,
  seed: string | number = 1,
  deviation = 0.4,
): Parameters => toParameters(randomArrays(method, host, seed, deviation));

export const largest = async (tensor: tf.Tensor): Promise<number> => Math.max(...(await tensor.abs().data()));
