import * as tf from '@tensorflow/tfjs';

/** A scalar of logits `[batch, labels]`. */
export type LossOf = (logits: tf.Tensor2D) => tf.Scalar;

/** Cross-entropy with the labels 0, 1, 2, … of the examples. */
export const crossEntropy: LossOf = (logits) => {
  const [batch, labels] = logits.shape;
  const wanted = tf.oneHot(tf.range(0, batch, 1, 'int32').mod(tf.scalar(labels, 'int32')).toInt(), labels);
  return logits.logSoftmax().mul(wanted).sum().div(-batch) as tf.Scalar;
};
