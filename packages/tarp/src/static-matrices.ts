import * as tf from '@tensorflow/tfjs';
import type { TarpConfig } from './config.js';

/** softplus(c) = 1. */
export const softplusOffset = Math.log(Math.E - 1);

/** `Σ_k H_k ⊗ (U_k V_k)` of blocks H `[n, n, n]`, U `[n, in / n, r]` and V `[n, r, out / n]`: `[in, out]` (Hou et al. 2022, equation 1). */
export function kroneckerSum(blocks: tf.Tensor, down: tf.Tensor, up: tf.Tensor): tf.Tensor2D {
  const [n, rows] = down.shape as [number, number, number];
  const columns = up.shape[2]!;
  const inner = tf.matMul(down, up).reshape([n, rows * columns]);
  // (H ⊗ M)[i · rows + a, j · columns + b] = H[i, j] · M[a, b]: a product over k of [n · n, n] and [n, rows · columns].
  return tf
    .matMul(blocks.reshape([n, n * n]).transpose(), inner)
    .reshape([n, n, rows, columns])
    .transpose([0, 2, 1, 3])
    .reshape([n * rows, n * columns]);
}

/** What the frozen weight is multiplied by, `[in, out]`, from a product of factors: 1 where that is 0. */
export const scaleOf = (kind: Exclude<TarpConfig['scale'], 'none'>, product: tf.Tensor): tf.Tensor =>
  kind === 'linear' ? product.add(1) : tf.softplus(product.add(softplusOffset));
