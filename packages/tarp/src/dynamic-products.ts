import * as tf from '@tensorflow/tfjs';

/** Factors of a product with a matrix of each token in the middle; each may carry a batch axis. */
export interface DynamicFactors {
  /** `[in, r]` */
  readonly down: tf.Tensor;
  /** `[in, r · r]`: makes S(x), row after row. */
  readonly core: tf.Tensor;
  /** `[r, out]` */
  readonly up: tf.Tensor;
}

/**
 * `(S(x) · (xᵀ U)) V` with S(x) = reshape(x · core, r × r) (Hou et al. 2022, equation 3 for the shift; the form of the authors' library). x
 * `[batch, tokens, in]`, result `[batch, tokens, out]`. A quadratic form: shift(c · x) = c² · shift(x).
 */
export function dynamicShift(x: tf.Tensor, { down, core, up }: DynamicFactors): tf.Tensor {
  const narrow = timesMatrix(x, down);
  // Sums of products: a product of matrices for each token would be as many small calls.
  return timesMatrix(coresOf(x, core, down).mul(narrow.expandDims(-2)).sum(-1), up);
}

/**
 * `x · (W ⊙ (U S(x) V))`, what a scale 1 + U S(x) V of the weight W `[in, out]` adds (equation 3 for the scale), without a weight for each token:
 * `Σ_p ((x ⊙ U_p) · W) ⊙ (S(x)_p · V)`. Costs r products with W.
 */
export function dynamicScaleDelta(x: tf.Tensor, frozen: tf.Tensor, { down, core, up }: DynamicFactors): tf.Tensor {
  const rank = down.shape.at(-1)!;
  const cores = tf.unstack(coresOf(x, core, down), -2);
  const columns = tf.split(down, rank, -1).map((column) => column.squeeze([-1]));
  return cores
    .map((row, p) => {
      const column = columns[p]!;
      const gated = x.mul(column.rank === 2 ? column.expandDims(1) : column);
      return timesMatrix(gated, frozen).mul(timesMatrix(row, up));
    })
    .reduce((sum, term) => sum.add(term));
}

/** S(x) `[batch, tokens, r, r]`. */
function coresOf(x: tf.Tensor, core: tf.Tensor, down: tf.Tensor): tf.Tensor {
  const rank = down.shape.at(-1)!;
  const [batch, tokens] = x.shape as [number, number, number];
  return timesMatrix(x, core).reshape([batch, tokens, rank, rank]);
}

/** States `[batch, tokens, in]` times a matrix `[in, out]` or one an example, `[batch, in, out]`. */
function timesMatrix(states: tf.Tensor, matrix: tf.Tensor): tf.Tensor {
  if (matrix.rank === 3) return tf.matMul(states, matrix);
  const [batch, tokens, size] = states.shape as [number, number, number];
  return tf.matMul(states.reshape([batch * tokens, size]), matrix).reshape([batch, tokens, matrix.shape[1]!]);
}
