import { scatterFlat, sizeOf } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';

/**
 * `x · S` for a sparse matrix S: values `[k]` at flat indices `[k]` (int32) of `[input, output]`; x `[…, input]`, result `[…, output]`.
 * The gradient of the values takes k products a token, `dv[j] = Σ x[…, row j] · dy[…, column j]`: no dense gradient of a weight is ever formed.
 */
export function sparseProduct(
  x: tf.Tensor,
  indices: tf.Tensor,
  values: tf.Tensor,
  [inputs, outputs]: readonly [number, number],
): tf.Tensor {
  // Made in the backward pass: a tensor of the forward one is freed by then.
  const width = () => tf.scalar(outputs, 'int32');
  const rowsOf = (at: tf.Tensor) => at.floorDiv(width()) as tf.Tensor1D;
  const columnsOf = (at: tf.Tensor) => at.mod(width()) as tf.Tensor1D;
  return tf.customGrad((states, numbers, save) => {
    const [input, entries] = [states as tf.Tensor, numbers as tf.Tensor];
    (save as tf.GradSaveFunc)([input, entries]);
    const lead = input.shape.slice(0, -1);
    const flat = input.reshape([-1, inputs]) as tf.Tensor2D;
    const value = tf.matMul(flat, scatterFlat(indices, entries, [inputs, outputs]) as tf.Tensor2D);
    const gradFunc = (dy: tf.Tensor, [saved, kept]: tf.Tensor[]) => {
      const [rows, slopes] = [saved!.reshape([-1, inputs]) as tf.Tensor2D, dy.reshape([-1, outputs]) as tf.Tensor2D];
      return [
        tf
          .matMul(slopes, scatterFlat(indices, kept!, [inputs, outputs]) as tf.Tensor2D, false, true)
          .reshape(saved!.shape),
        tf
          .gather(rows, rowsOf(indices), 1)
          .mul(tf.gather(slopes, columnsOf(indices), 1))
          .sum(0),
      ];
    };
    return { value: value.reshape([...lead, outputs]), gradFunc };
  })(x, values);
}

/** Values at flat indices of zeros of a shape, differentiable in the values. */
export const scatterValues = (indices: tf.Tensor, values: tf.Tensor, shape: readonly number[]): tf.Tensor =>
  tf.customGrad((numbers) => ({
    value: scatterFlat(indices, numbers as tf.Tensor, shape),
    gradFunc: (dy: tf.Tensor) => tf.gather(dy.reshape([sizeOf(shape)]), indices as tf.Tensor1D),
  }))(values);
