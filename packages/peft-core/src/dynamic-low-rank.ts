import type * as tf from '@tensorflow/tfjs';
import { timesMatrix } from './times-matrix.js';

/** Factors of a product with a matrix of each token in the middle; each may carry a batch axis. */
export interface DynamicFactors {
  /** `[input, rank]` */
  readonly down: tf.Tensor;
  /** `[input, rank²]`: makes S(x), row after row. */
  readonly core: tf.Tensor;
  /** `[rank, output]` */
  readonly up: tf.Tensor;
}

/**
 * What a `dynamicLowRankDelta` adds, `(S(x) · (x · down)) · up`, by operations of TensorFlow.js: x `[batch, tokens, input]`, result
 * `[batch, tokens, output]`. A quadratic form: for c · x it is c² times as much.
 */
export function dynamicLowRankProduct(x: tf.Tensor, { down, core, up }: DynamicFactors): tf.Tensor {
  const narrow = timesMatrix(x, down);
  // Sums of products: a product of matrices for each token would be as many small calls.
  return timesMatrix(tokenMatrices(x, core).mul(narrow.expandDims(-2)).sum(-1), up);
}

/** S(x) `[batch, tokens, rank, rank]` for a core `[input, rank²]`. */
export function tokenMatrices(x: tf.Tensor, core: tf.Tensor): tf.Tensor {
  const rank = Math.sqrt(core.shape.at(-1)!);
  const [batch, tokens] = x.shape as [number, number, number];
  return timesMatrix(x, core).reshape([batch, tokens, rank, rank]);
}
