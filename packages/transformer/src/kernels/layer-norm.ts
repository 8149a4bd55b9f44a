import * as tf from '@tensorflow/tfjs';
import { hasFusedKernels, nativeLayerNorm, nativeLayerNormGradient } from './native-kernels.js';

/**
 * Layer normalisation over the last axis (Ba et al. 2016, arXiv 1607.06450, section 3): `(x - mean) / √(variance + epsilon) · weight + bias`.
 * Weight and bias are `[size]` or broadcast against x; differentiable in all three.
 */
export const layerNorm = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, epsilon: number): tf.Tensor =>
  normalise(x, epsilon).mul(weight).add(bias);

/** The same with constant weight and bias: differentiable in x alone, one node on the tape. */
export function frozenLayerNorm(x: tf.Tensor, weight: tf.Tensor1D, bias: tf.Tensor1D, epsilon: number): tf.Tensor {
  if (hasFusedKernels()) return fusedLayerNorm(x, weight, bias, epsilon);
  return tf.customGrad((input, save) => {
    const value = tf.tidy(() => {
      const { normalised, inverse } = standardise(input as tf.Tensor, epsilon);
      (save as tf.GradSaveFunc)([normalised, inverse]);
      return normalised.mul(weight).add(bias);
    });
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => gradientOfStandardise(dy.mul(weight), saved[0]!, saved[1]!),
    };
  })(x);
}

function fusedLayerNorm(x: tf.Tensor, weight: tf.Tensor1D, bias: tf.Tensor1D, epsilon: number): tf.Tensor {
  return tf.customGrad((input, save) => {
    const [value, normalised, inverse] = nativeLayerNorm(input as tf.Tensor, weight, bias, epsilon);
    (save as tf.GradSaveFunc)([normalised, inverse]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => nativeLayerNormGradient(dy, weight, saved[0]!, saved[1]!);
    return { value, gradFunc };
  })(x);
}

/** `(x - mean) / √(variance + epsilon)` over the last axis. */
export function normalise(x: tf.Tensor, epsilon: number): tf.Tensor {
  return tf.customGrad((input, save) => {
    const value = tf.tidy(() => {
      const { normalised, inverse } = standardise(input as tf.Tensor, epsilon);
      (save as tf.GradSaveFunc)([normalised, inverse]);
      return normalised;
    });
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => gradientOfStandardise(dy, saved[0]!, saved[1]!) };
  })(x);
}

function standardise(x: tf.Tensor, epsilon: number) {
  const centred = x.sub(x.mean(-1, true));
  const inverse = centred.square().mean(-1, true).add(epsilon).rsqrt();
  return { normalised: centred.mul(inverse), inverse };
}

/** dx = inverse · (dn - mean(dn) - n · mean(dn · n)) for n = (x - mean) · inverse. */
const gradientOfStandardise = (dn: tf.Tensor, n: tf.Tensor, inverse: tf.Tensor): tf.Tensor =>
  tf.tidy(() =>
    dn
      .sub(dn.mean(-1, true))
      .sub(n.mul(dn.mul(n).mean(-1, true)))
      .mul(inverse),
  );
