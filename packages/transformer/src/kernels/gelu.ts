import * as tf from '@tensorflow/tfjs';
import { hasFusedKernels, nativeGelu } from './native-kernels.js';

/** ln(1/√(2π)): with it the density's factor goes into the exponent and saves a pass over the tensor. */
const logDensityFactor = -0.5 * Math.log(2 * Math.PI);

/**
 * GELU x·Φ(x) with the exact normal distribution function Φ(x) = (1 + erf(x/√2)) / 2 (Hendrycks and Gimpel 2016, arXiv 1606.08415,
 * section 2). Gradient: Φ(x) + x·φ(x); x alone is kept for it.
 */
export const gelu = (x: tf.Tensor): tf.Tensor => (hasFusedKernels() ? fusedGelu(x) : portableGelu(x));

const fusedGelu = (x: tf.Tensor): tf.Tensor =>
  tf.customGrad((input, save) => {
    const [value, derivative] = nativeGelu(input as tf.Tensor, tf.engine().state.gradientDepth > 0);
    (save as tf.GradSaveFunc)([derivative]);
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => dy.mul(saved[0]!) };
  })(x);

const portableGelu = (x: tf.Tensor): tf.Tensor =>
  tf.customGrad((input, save) => {
    (save as tf.GradSaveFunc)([input as tf.Tensor]);
    const value = tf.tidy(() => (input as tf.Tensor).mul(normalDistribution(input as tf.Tensor)));
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => dy.mul(derivative(saved[0]!))) };
  })(x);

const normalDistribution = (x: tf.Tensor): tf.Tensor => x.mul(Math.SQRT1_2).erf().mul(0.5).add(0.5);

const derivative = (x: tf.Tensor): tf.Tensor =>
  x.square().mul(-0.5).add(logDensityFactor).exp().mul(x).add(normalDistribution(x));
