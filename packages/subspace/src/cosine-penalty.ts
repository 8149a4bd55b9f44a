import * as tf from '@tensorflow/tfjs';

/**
 * Squared cosine `<a,b>² / (|a|² |b|²)` of two points given as lists of tensors, all flattened into one vector each; in [0, 1], scalar
 * (Wortsman et al. 2021, arXiv 2102.10472). Points shorter than 1e-9 count as zero: cosine 0, gradient 0.
 */
export function squaredCosine(a: readonly tf.Tensor[], b: readonly tf.Tensor[]): tf.Scalar {
  const dot = (x: readonly tf.Tensor[], y: readonly tf.Tensor[]) =>
    tf.addN(x.map((tensor, i) => tensor.mul(y[i]!).sum()));
  const product = dot(a, b);
  // Each length is bounded for itself: the square of the bound, which the gradient divides by, must not vanish in float32.
  const length = (x: readonly tf.Tensor[]) => tf.maximum(dot(x, x), 1e-18);
  return product.div(length(a)).mul(product.div(length(b))) as tf.Scalar;
}
