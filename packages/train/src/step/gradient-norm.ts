import * as tf from '@tensorflow/tfjs';

/** Euclidean norm of all tensors together. Call inside `tf.tidy`. */
export const globalNorm = (tensors: readonly tf.Tensor[]): tf.Scalar =>
  tensors.length === 0 ? tf.scalar(0) : (tf.addN(tensors.map((tensor) => tensor.square().sum())).sqrt() as tf.Scalar);

/**
 * What gradients are multiplied by so that their global norm is at most `clipNorm`: min(1, clipNorm / (norm + 1e-6)), as
 * torch.nn.utils.clip_grad_norm_ does. It stays on the device: nothing is read.
 */
export const clippingScale = (norm: tf.Scalar, clipNorm: number): tf.Scalar =>
  tf.minimum(tf.scalar(clipNorm).div(norm.add(1e-6)), 1);
