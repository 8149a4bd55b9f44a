import { sizeOf } from '@tfjs-peft/peft-core/authoring';
import { scatterFlat } from '@tfjs-peft/peft-core/interventions';
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
  return tf.customGrad((states, numbers, save) => {
    const [input, entries] = [states as tf.Tensor, numbers as tf.Tensor];
    // What the forward pass made is gone by the time of the backward one, indices that the method computed among it.
    (save as tf.GradSaveFunc)([input, entries, indices]);
    const lead = input.shape.slice(0, -1);
    const flat = input.reshape([-1, inputs]) as tf.Tensor2D;
    const value = tf.matMul(flat, scatterFlat(indices, entries, [inputs, outputs]) as tf.Tensor2D);
    const gradFunc = (dy: tf.Tensor, [saved, kept, places]: tf.Tensor[]) => {
      const width = tf.scalar(outputs, 'int32');
      const [rows, slopes] = [saved!.reshape([-1, inputs]) as tf.Tensor2D, dy.reshape([-1, outputs]) as tf.Tensor2D];
      return [
        tf
          .matMul(slopes, scatterFlat(places!, kept!, [inputs, outputs]) as tf.Tensor2D, false, true)
          .reshape(saved!.shape),
        tf
          .gather(rows, places!.floorDiv(width) as tf.Tensor1D, 1)
          .mul(tf.gather(slopes, places!.mod(width) as tf.Tensor1D, 1))
          .sum(0),
      ];
    };
    return { value: value.reshape([...lead, outputs]), gradFunc };
  })(x, values);
}

/** Values at flat indices of zeros of a shape, differentiable in the values. */
export const scatterValues = (indices: tf.Tensor, values: tf.Tensor, shape: readonly number[]): tf.Tensor =>
  tf.customGrad((numbers, save) => {
    (save as tf.GradSaveFunc)([indices]);
    return {
      value: scatterFlat(indices, numbers as tf.Tensor, shape),
      gradFunc: (dy: tf.Tensor, [places]: tf.Tensor[]) => tf.gather(dy.reshape([sizeOf(shape)]), places as tf.Tensor1D),
    };
  })(values);
