import * as tf from '@tensorflow/tfjs';
import { type AffineWeights, biasOrZeros, timesTransposedKernel } from './frozen-affine.js';
import { hasFusedKernels, nativeFeedForward, nativeFeedForwardGradient } from './native-kernels.js';
import { recording } from './recording.js';

/** ln(2/√π): the derivative of erf(u) is exp(-u²) times 2/√π. */
const logErfSlope = Math.log(2 / Math.sqrt(Math.PI));

/**
 * A frozen feed-forward network `gelu(x · W₁ + b₁) · W₂ + b₂` with the exact GELU, x and result `[…, hidden]`, differentiable in x alone.
 *
 * With u = (x · W₁ + b₁) / √2 the activation is `u · (1 + erf(u)) / √2` and its derivative `(1 + erf(u) + u · (2/√π) · exp(-u²)) / 2`. All constant
 * factors are moved to the narrow tensors before W₁ and after W₂, and the derivative is computed in the forward pass, where erf(u) is at
 * hand: one wide tensor is kept, and the backward pass between its two products is one multiplication.
 */
export function frozenFeedForward(x: tf.Tensor, expand: AffineWeights, contract: AffineWeights): tf.Tensor {
  if (hasFusedKernels()) return fusedFeedForward(x, expand, contract);
  const [inputSize] = expand.shape;
  const outputSize = contract.shape[1];
  return tf.customGrad((input, save) => {
    const shape = (input as tf.Tensor).shape;
    const value = tf.tidy(() => {
      const rows = (input as tf.Tensor).reshape([-1, inputSize]).mul(Math.SQRT1_2) as tf.Tensor2D;
      const u = tf.fused.matMul({ a: rows, b: expand.kernel, bias: biasOrZeros(expand).mul(Math.SQRT1_2) });
      const onePlusErf = u.erf().add(1);
      if (recording()) (save as tf.GradSaveFunc)([doubledDerivative(u, onePlusErf)]);
      const y = tf.matMul(u.mul(onePlusErf) as tf.Tensor2D, contract.kernel);
      return y
        .mul(Math.SQRT1_2)
        .add(biasOrZeros(contract))
        .reshape([...shape.slice(0, -1), outputSize]);
    });
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      tf.tidy(() => {
        const du = timesTransposedKernel(dy.reshape([-1, outputSize]) as tf.Tensor2D, contract).mul(saved[0]!);
        return timesTransposedKernel(du as tf.Tensor2D, expand)
          .mul(0.5)
          .reshape(shape);
      });
    return { value, gradFunc };
  })(x);
}

function fusedFeedForward(x: tf.Tensor, expand: AffineWeights, contract: AffineWeights): tf.Tensor {
  return tf.customGrad((input, save) => {
    const [value, derivative] = nativeFeedForward(
      input as tf.Tensor,
      expand.operands('forward'),
      biasOrZeros(expand),
      contract.operands('forward'),
      biasOrZeros(contract),
      recording(),
    );
    (save as tf.GradSaveFunc)([derivative]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      nativeFeedForwardGradient(dy, saved[0]!, expand.operands('backward'), contract.operands('backward'));
    return { value, gradFunc };
  })(x);
}

/** `1 + erf(u) + u · (2/√π) · exp(-u²)`; the factor goes into the exponent. */
const doubledDerivative = (u: tf.Tensor, onePlusErf: tf.Tensor): tf.Tensor =>
  tf.tidy(() => tf.sub(logErfSlope, u.square()).exp().mul(u).add(onePlusErf));
