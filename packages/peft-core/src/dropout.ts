import * as tf from '@tensorflow/tfjs';
import { randomWords, type Stream } from './random-stream.js';
import { sizeOf } from './plan.js';

/**
 * Inverted dropout: zeroes each element with probability `rate` and scales the rest by 1 / (1 - rate), so that the mean is kept. The mask
 * comes from the stream alone (16 random bits an element, so `rate` is exact to 1/65536), the same on every backend.
 */
export function dropout<T extends tf.Tensor>(x: T, rate: number, stream: Stream): T {
  if (rate === 0) return x;
  return x.mul(dropoutFactors(x.shape, rate, stream)) as T;
}

/**
 * What {@link dropout} multiplies a tensor of this shape with: 0 or 1 / (1 - rate).
 *
 * The random words are those of Doty-Humphrey's sfc32, started by Philox words of the stream: masks take millions of words a step, which a
 * sequential generator gives in a fraction of the time of a counter-based one. One loop on integers without a branch takes a third of the
 * time of the same with calls and conditions: the mask is written as the bits of its floats.
 */
export function dropoutFactors(shape: number[], rate: number, stream: Stream): tf.Tensor {
  const size = sizeOf(shape);
  const threshold = Math.round(rate * 65536);
  const seed = new Int32Array(randomWords(stream, 3));
  if (tf.getKernel('TfjsPeftDropoutFactors', tf.getBackend())) return nativeFactors(shape, threshold, seed);
  const keep = bitsOf(1 / (1 - threshold / 65536));
  const bits = new Int32Array(size + (size % 2));
  let [a = 0, b = 0, c = 0] = seed;
  // The first outputs still show the seed.
  for (let i = -2 * WARM_UP, counter = 1; i < size; i += 2, counter++) {
    const word = (a + b + counter) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + word) | 0;
    if (i < 0) continue;
    // The shift gives -1, all bits, below the threshold, and 0 from there on.
    bits[i] = keep & ~(((word & 0xffff) - threshold) >> 31);
    bits[i + 1] = keep & ~(((word >>> 16) - threshold) >> 31);
  }
  return tf.tensor(new Float32Array(bits.buffer, 0, size), shape, 'float32');
}

/** The same bits by a fused kernel of the backend, which saves making them here and handing them over. */
const nativeFactors = (shape: readonly number[], threshold: number, seed: Int32Array): tf.Tensor =>
  tf.tidy(() => {
    const inputs = { seed: tf.tensor1d(seed, 'int32'), shape: tf.tensor1d([...shape], 'int32') };
    return (tf.engine().runKernel('TfjsPeftDropoutFactors', inputs, { threshold }) as tf.Tensor[])[0]!;
  });

const WARM_UP = 12;

const bitsOf = (value: number): number => new Int32Array(new Float32Array([value]).buffer)[0]!;
