import * as tf from '@tensorflow/tfjs';

/** `x.reshape(shape)`, whose gradient keeps nothing: that of TensorFlow.js holds all of x for the sake of its shape. */
export const reshaped = (x: tf.Tensor, shape: number[]): tf.Tensor =>
  tf.customGrad((input) => {
    const before = (input as tf.Tensor).shape;
    return { value: (input as tf.Tensor).reshape(shape), gradFunc: (dy: tf.Tensor) => dy.reshape(before) };
  })(x);

/** `x.mul(factor)` for a constant, whose gradient keeps nothing either. */
export const scaledBy = (x: tf.Tensor, factor: number): tf.Tensor =>
  tf.customGrad((input) => ({
    value: (input as tf.Tensor).mul(factor),
    gradFunc: (dy: tf.Tensor) => dy.mul(factor),
  }))(x);
