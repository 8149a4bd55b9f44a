import * as tf from '@tensorflow/tfjs';
import { randomWords, type Stream } from './random-stream.js';
import { sizeOf } from './plan.js';

/**
 * Inverted dropout: zeroes each element with probability `rate` and scales the rest by 1 / (1 - rate), so that the mean is kept. The mask
 * comes from the stream alone (16 random bits an element, so `rate` is exact to 1/65536), the same on every backend.
 */
export function dropout<T extends tf.Tensor>(x: T, rate: number, stream: Stream): T {
  if (rate === 0) return x;
  return x.mul(dropoutMask(x.shape, rate, stream)) as T;
}

function dropoutMask(shape: number[], rate: number, stream: Stream): tf.Tensor {
  const size = sizeOf(shape);
  const halves = new Uint16Array(randomWords(stream, Math.ceil(size / 2)).slice().buffer);
  const threshold = Math.round(rate * 65536);
  const keep = 1 / (1 - threshold / 65536);
  const mask = new Float32Array(size);
  for (let i = 0; i < size; i++) mask[i] = halves[i]! < threshold ? 0 : keep;
  return tf.tensor(mask, shape, 'float32');
}
