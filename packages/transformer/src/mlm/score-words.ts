import { timesTransposed } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';

/**
 * Logits `[batch, places, words]` of states `[batch, places, hidden]`: products with the rows of a frozen table `[vocab, hidden]` plus a bias `[vocab]`,
 * for all words or for the given ids. Differentiable in the states alone.
 */
export function scoreWords(
  states: tf.Tensor3D,
  table: tf.Tensor2D,
  bias: tf.Tensor1D,
  tokenIds?: readonly number[],
): tf.Tensor3D {
  const ids = tokenIds && tf.tensor1d([...tokenIds], 'int32');
  const rows = ids ? (tf.gather(table, ids) as tf.Tensor2D) : table;
  const offsets = ids ? (tf.gather(bias, ids) as tf.Tensor1D) : bias;
  const [batch, places, hidden] = states.shape;
  return tf.customGrad((input, save) => {
    const flat = (input as tf.Tensor).reshape([-1, hidden]) as tf.Tensor2D;
    // Rows that were gathered for this call live no longer than the surrounding tidy otherwise.
    (save as tf.GradSaveFunc)([rows]);
    return {
      value: timesTransposed(flat, rows).add(offsets).reshape([batch, places, rows.shape[0]]),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.tidy(() => tf.matMul(dy.reshape([-1, rows.shape[0]]), saved[0]!).reshape(states.shape)),
    };
  })(states) as tf.Tensor3D;
}
