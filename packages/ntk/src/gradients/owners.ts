import * as tf from '@tensorflow/tfjs';

/** `[texts, places]`, 1 where a place is of the text; places of a text stand together. */
export function ownersOf(lengths: readonly number[]): tf.Tensor2D {
  const places = lengths.reduce((sum, length) => sum + length, 0);
  const values = new Float32Array(lengths.length * places);
  let start = 0;
  lengths.forEach((length, text) => {
    values.fill(1, text * places + start, text * places + start + length);
    start += length;
  });
  return tf.tensor2d(values, [lengths.length, places]);
}

/** `aᵀ · b` of a `[k, n]` and b `[k, m]`, `[n, m]`; as `timesTransposed`, without a flag on WebAssembly. */
export const transposedTimes = (a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D =>
  tf.getBackend() === 'wasm' ? tf.matMul(a.transpose<tf.Tensor2D>(), b) : tf.matMul(a, b, true);
