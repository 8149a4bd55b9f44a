import * as tf from '@tensorflow/tfjs';

/**
 * Squared cosine `<a,b>² / (|a|² |b|²)` of two points given as lists of tensors, all flattened into one vector each; in [0, 1], scalar
 * (Wortsman et al. 2021, arXiv 2102.10472). Points of zero length have cosine 0.
 */
export function squaredCosine(a: readonly tf.Tensor[], b: readonly tf.Tensor[]): tf.Scalar {
  const dot = (x: readonly tf.Tensor[], y: readonly tf.Tensor[]) =>
    tf.addN(x.map((tensor, i) => tensor.mul(y[i]!).sum()));
  const product = dot(a, b);
  return product.square().div(tf.maximum(dot(a, a).mul(dot(b, b)), 1e-30)) as tf.Scalar;
}
