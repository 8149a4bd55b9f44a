import * as tf from '@tensorflow/tfjs';
import { recording } from './recording.js';

// Operations whose gradients need shapes alone. Those of TensorFlow.js hold their inputs until the end of the backward pass.

/** `x.reshape(shape)`. */
export function reshaped(x: tf.Tensor, shape: number[]): tf.Tensor {
  if (!recording()) return x.reshape(shape);
  const before = x.shape;
  return tf.customGrad((input) => ({
    value: (input as tf.Tensor).reshape(shape),
    gradFunc: (dy: tf.Tensor) => dy.reshape(before),
  }))(x);
}

/** `x.mul(factor)` for a constant. */
export function scaledBy(x: tf.Tensor, factor: number): tf.Tensor {
  if (!recording()) return x.mul(factor);
  return tf.customGrad((input) => ({
    value: (input as tf.Tensor).mul(factor),
    gradFunc: (dy: tf.Tensor) => dy.mul(factor),
  }))(x);
}

/** `a.add(b)` for two tensors of one shape. */
export function sumOfTwo(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  if (!recording()) return a.add(b);
  return tf.customGrad((left, right) => ({
    value: (left as tf.Tensor).add(right as tf.Tensor),
    // A copy costs nothing, and each can be freed when it was used.
    gradFunc: (dy: tf.Tensor) => [dy.clone(), dy.clone()],
  }))(a, b);
}
