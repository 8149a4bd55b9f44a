import * as tf from '@tensorflow/tfjs';

/**
 * A tensor `[...shape]` of the given rank for every example, `[batch, ...shape]`; one that has a batch axis already is left alone.
 * The gradient is one sum over the batch; that of `tf.tile` is a slice and a sum for each example.
 */
export function overBatch(x: tf.Tensor, rank: number, batch: number): tf.Tensor {
  if (x.rank > rank) return x;
  return tf.customGrad((input) => {
    const shared = input as tf.Tensor;
    const repetitions = [batch, ...shared.shape.map(() => 1)];
    return { value: shared.expandDims(0).tile(repetitions), gradFunc: (dy: tf.Tensor) => dy.sum(0) };
  })(x);
}
