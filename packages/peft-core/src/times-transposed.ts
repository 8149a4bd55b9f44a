import * as tf from '@tensorflow/tfjs';

/**
 * `a · bᵀ` of a `[n, k]` and b `[m, k]`, `[n, m]`. With a transpose flag the WebAssembly product is some ten times slower: there the smaller of the
 * two is turned, and the result with it if that is a.
 */
export function timesTransposed(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  if (tf.getBackend() !== 'wasm') return tf.matMul(a, b, false, true);
  if (b.size <= a.size) return tf.matMul(a, b.transpose<tf.Tensor2D>());
  return tf.matMul(b, a.transpose<tf.Tensor2D>()).transpose<tf.Tensor2D>();
}
