import * as tf from '@tensorflow/tfjs';

/** States `[…, tokens, input]` times a matrix `[input, output]` or one an example, `[batch, input, output]`: `[…, tokens, output]`. */
export function timesMatrix(states: tf.Tensor, matrix: tf.Tensor): tf.Tensor {
  if (matrix.rank === 3) return tf.matMul(states, matrix);
  const rows = states.reshape([-1, states.shape.at(-1)!]);
  return tf.matMul(rows, matrix).reshape([...states.shape.slice(0, -1), matrix.shape[1]!]);
}
