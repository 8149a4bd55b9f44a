import * as tf from '@tensorflow/tfjs';

/** Euclidean norm of all tensors together. Call inside `tf.tidy`. */
export const globalNorm = (tensors: readonly tf.Tensor[]): tf.Scalar =>
  tensors.length === 0 ? tf.scalar(0) : (sumOfSquares(tensors).sqrt() as tf.Scalar);

/** In one call where there is a fused kernel for it. */
function sumOfSquares(tensors: readonly tf.Tensor[]): tf.Tensor {
  if (!tf.getKernel('TfjsPeftDot', tf.getBackend())) return tf.addN(tensors.map((tensor) => tensor.square().sum()));
  const twice = [...tensors, ...tensors] as unknown as tf.NamedTensorMap;
  return (tf.engine().runKernel('TfjsPeftDot', twice, { count: tensors.length }) as tf.Tensor[])[0]!;
}

/**
 * What gradients are multiplied by so that their global norm is at most `clipNorm`: min(1, clipNorm / (norm + 1e-6)), as
 * torch.nn.utils.clip_grad_norm_ does. It stays on the device: nothing is read.
 */
export const clippingScale = (norm: tf.Scalar, clipNorm: number): tf.Scalar =>
  tf.minimum(tf.scalar(clipNorm).div(norm.add(1e-6)), 1);
