import * as tf from '@tensorflow/tfjs';

/** Added to scores of closed columns: far below any score, far above float32's limit, so that sums stay finite. */
const closed = -1e9;

/** `[batch, tokens]` with 1 for text to `[batch, 1, 1, tokens]` with 0 for text and a very negative number for padding. */
export const additiveMask = (attentionMask: tf.Tensor2D): tf.Tensor =>
  tf.tidy(() => tf.sub(1, attentionMask.toFloat()).mul(closed).expandDims(1).expandDims(1));

/** Softmax over the last axis of `scores + mask`, the mask a constant that broadcasts; one tensor is kept for the gradient. */
export function maskedSoftmax(scores: tf.Tensor, mask: tf.Tensor): tf.Tensor {
  return tf.customGrad((input, save) => {
    const value = tf.softmax((input as tf.Tensor).add(mask));
    (save as tf.GradSaveFunc)([value]);
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.tidy(() => {
          const weights = saved[0]!;
          return dy.sub(dy.mul(weights).sum(-1, true)).mul(weights);
        }),
    };
  })(scores);
}
