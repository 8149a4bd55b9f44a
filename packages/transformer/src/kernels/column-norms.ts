import type { LowRankDelta } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { overBatch } from './over-batch.js';

/**
 * Euclidean norms of the columns of `weight + Σ scale · down · up`, weight `[input, output]`: `[output]`, or `[batch, output]` where a delta has a
 * batch axis. The sum is never formed: with D = down, U = scale · up, column j has the squared norm
 * `‖W_j‖² + 2 · Σ_r (Wᵀ D)_jr U_rj + Σ_rs (Dᵀ D)_rs U_rj U_sj`. A constant to the gradient, as DoRA wants it (arXiv 2402.09353, section 4.3).
 */
export function columnNorms(weight: tf.Tensor2D, deltas: readonly LowRankDelta[]): tf.Tensor {
  const ownSquares = (w: tf.Tensor) => w.square().sum(0);
  const inputs = [weight, ...deltas.flatMap(({ down, up }) => [down, up])];
  return tf.customGrad((...args) => {
    const [w, ...factors] = args.slice(0, inputs.length) as tf.Tensor[];
    const value = tf.tidy(() => {
      if (deltas.length === 0) return ownSquares(w!).sqrt();
      const pairs = deltas.map(({ scale }, index) => ({
        down: factors[2 * index]!,
        up: factors[2 * index + 1]!.mul(scale),
      }));
      const batch = [...pairs.map(({ down }) => down), ...pairs.map(({ up }) => up)].find(({ rank }) => rank === 3)
        ?.shape[0];
      const spread = (x: tf.Tensor) => overBatch(x, 2, batch ?? 1);
      const down = tf.concat(
        pairs.map((pair) => spread(pair.down)),
        2,
      );
      const up = tf.concat(
        pairs.map((pair) => spread(pair.up)),
        1,
      );
      const projected = tf.matMul(down, spread(w!), true, false);
      const squares = projected
        .mul(2)
        .add(tf.matMul(tf.matMul(down, down, true, false), up))
        .mul(up)
        .sum(1)
        .add(ownSquares(w!));
      // Rounding can push a column that the delta cancels below zero.
      const norms = squares.relu().sqrt();
      return batch === undefined ? norms.squeeze([0]) : norms;
    });
    return { value, gradFunc: () => inputs.map(({ shape }) => tf.zeros(shape)) };
  })(...inputs);
}
