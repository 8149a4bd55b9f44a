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
  const threshold = Math.round(rate * 65536);
  const keep = 1 / (1 - threshold / 65536);
  const mask = new Float32Array(size + (size % 2));
  const next = fastWords(stream);
  for (let i = 0; i < size; i += 2) {
    const word = next();
    mask[i] = (word & 0xffff) < threshold ? 0 : keep;
    mask[i + 1] = word >>> 16 < threshold ? 0 : keep;
  }
  return tf.tensor(mask.subarray(0, size), shape, 'float32');
}

/**
 * Doty-Humphrey's sfc32, started by Philox words of the stream: masks take millions of words a step, which a sequential generator gives in
 * a fraction of the time of a counter-based one.
 */
function fastWords(stream: Stream): () => number {
  let [a, b, c] = randomWords(stream, 3) as unknown as [number, number, number];
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum;
  };
  // The first outputs still show the seed.
  for (let i = 0; i < 12; i++) next();
  return next;
}
