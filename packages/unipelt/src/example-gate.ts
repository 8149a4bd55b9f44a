import type { ExampleGate } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';

/**
 * The gate of a submodule (Mao et al. 2022): mean over the tokens of `σ(x · weight + bias)`, in (0, 1), one number an example.
 * Weight `[size]` or `[batch, size]`, bias `[1]` or `[batch, 1]`. Padding does not count in the mean, so that an example's gate does not depend
 * on its neighbours; in the original it does count.
 */
export const exampleGate =
  (weight: tf.Tensor, bias: tf.Tensor): ExampleGate =>
  (input, attentionMask) => {
    const [batch, tokens, size] = input.shape as [number, number, number];
    const scores =
      weight.rank === 2
        ? tf.matMul(input, weight.expandDims(2))
        : tf.matMul(input.reshape([batch * tokens, size]), weight.expandDims(1));
    const openings = scores.reshape([batch, tokens]).add(bias).sigmoid();
    const text = attentionMask.toFloat();
    return openings.mul(text).sum(1).div(text.sum(1).maximum(1));
  };
