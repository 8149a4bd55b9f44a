import { timesMatrix } from '@tfjs-peft/peft-core/authoring';
import { type DynamicFactors, tokenMatrices } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';

/**
 * `x · (W ⊙ (U S(x) V))`, what a scale 1 + U S(x) V of the weight W `[in, out]` adds (Hou et al. 2022, equation 3 for the scale), without a weight for
 * each token: `Σ_p ((x ⊙ U_p) · W) ⊙ (S(x)_p · V)`. x `[batch, tokens, in]`, result `[batch, tokens, out]`. Costs r products with W.
 */
export function dynamicScaleDelta(x: tf.Tensor, frozen: tf.Tensor, { down, core, up }: DynamicFactors): tf.Tensor {
  const cores = tf.unstack(tokenMatrices(x, core), -2);
  const columns = tf.split(down, cores.length, -1).map((column) => column.squeeze([-1]));
  return cores
    .map((row, p) => {
      const column = columns[p]!;
      const gated = x.mul(column.rank === 2 ? column.expandDims(1) : column);
      return timesMatrix(gated, frozen).mul(timesMatrix(row, up));
    })
    .reduce((sum, term) => sum.add(term));
}
