import * as tf from '@tensorflow/tfjs';
import { hasFusedKernels, nativeRmsNorm, nativeRmsNormGradient } from './native-kernels.js';

/**
 * Root mean square normalisation over the last axis (Zhang and Sennrich 2019, arXiv 1910.07467, equation 4): `x / √(mean(x²) + epsilon) · weight`.
 * Weight is `[size]` or broadcasts against x; differentiable in both.
 */
export const rmsNorm = (x: tf.Tensor, weight: tf.Tensor, epsilon: number): tf.Tensor =>
  normalise(x, epsilon).mul(weight);

/** The same with a constant weight: differentiable in x alone, one node on the tape. */
export function frozenRmsNorm(x: tf.Tensor, weight: tf.Tensor1D, epsilon: number): tf.Tensor {
  if (hasFusedKernels()) return fusedRmsNorm(x, weight, epsilon);
  return tf.customGrad((input, save) => {
    const value = tf.tidy(() => {
      const { normalised, inverse } = scaleDown(input as tf.Tensor, epsilon);
      (save as tf.GradSaveFunc)([normalised, inverse]);
      return normalised.mul(weight);
    });
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => gradientOfScaling(dy.mul(weight), saved[0]!, saved[1]!),
    };
  })(x);
}

function fusedRmsNorm(x: tf.Tensor, weight: tf.Tensor1D, epsilon: number): tf.Tensor {
  return tf.customGrad((input, save) => {
    const [value, inverse] = nativeRmsNorm(input as tf.Tensor, weight, epsilon);
    (save as tf.GradSaveFunc)([input as tf.Tensor, inverse]);
    const gradFunc = (dy: tf.Tensor, [at, scale]: tf.Tensor[]) => nativeRmsNormGradient(dy, weight, at!, scale!);
    return { value, gradFunc };
  })(x);
}

/** `x / √(mean(x²) + epsilon)` over the last axis. */
export function normalise(x: tf.Tensor, epsilon: number): tf.Tensor {
  return tf.customGrad((input, save) => {
    const value = tf.tidy(() => {
      const { normalised, inverse } = scaleDown(input as tf.Tensor, epsilon);
      (save as tf.GradSaveFunc)([normalised, inverse]);
      return normalised;
    });
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => gradientOfScaling(dy, saved[0]!, saved[1]!) };
  })(x);
}

function scaleDown(x: tf.Tensor, epsilon: number) {
  const inverse = x.square().mean(-1, true).add(epsilon).rsqrt();
  return { normalised: x.mul(inverse), inverse };
}

/** dx = inverse · (dn - n · mean(dn · n)) for n = x · inverse. */
const gradientOfScaling = (dn: tf.Tensor, n: tf.Tensor, inverse: tf.Tensor): tf.Tensor =>
  tf.tidy(() => dn.sub(n.mul(dn.mul(n).mean(-1, true))).mul(inverse));
