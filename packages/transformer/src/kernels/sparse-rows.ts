import { scatterFlat } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { rowsAndColumns } from './flat-places.js';
import type { SparseEntries } from './sparse-affine.js';

/**
 * Rows `ids` (int32, any shape) of a sparse table: values `[k]` at flat indices `[k]` of `[rows, size]`; result `[...ids, size]`. Neither the table
 * nor its gradient is formed, only the rows that the batch looks up. Differentiable in the values.
 */
export function sparseRows(
  ids: tf.Tensor,
  { indices, values }: SparseEntries,
  [rows, size]: readonly [number, number],
): tf.Tensor {
  return tf.customGrad((numbers, save) => {
    const flat = ids.flatten().toInt() as tf.Tensor1D;
    (save as tf.GradSaveFunc)([flat, indices]);
    const value = tf.tidy(() => {
      const { slots, rowOf, columnOf, count } = place(flat, indices, rows, size);
      // Row 0 takes the entries of rows that the batch does not look up.
      const width = tf.scalar(size, 'int32');
      const table = scatterFlat(rowOf.mul(width).add(columnOf), numbers as tf.Tensor, [count + 1, size]);
      return tf.gather(table, slots).reshape([...ids.shape, size]);
    });
    const gradFunc = (dy: tf.Tensor, [kept, places]: tf.Tensor[]) =>
      tf.tidy(() => {
        const { slots, rowOf, columnOf, count } = place(kept as tf.Tensor1D, places!, rows, size);
        const sums = tf.unsortedSegmentSum(dy.reshape<tf.Tensor2D>([-1, size]), slots, count + 1);
        const width = tf.scalar(size, 'int32');
        const found = tf.gather(sums.flatten(), rowOf.mul(width).add(columnOf).toInt() as tf.Tensor1D);
        return found.mul(rowOf.greater(0));
      });
    return { value, gradFunc };
  })(values);
}

/** Which row of a small table each id and each entry has: 1 to `count` for rows that the batch looks up, 0 for all others. */
function place(ids: tf.Tensor1D, indices: tf.Tensor, rows: number, size: number) {
  const count = ids.size;
  // Of several tokens with one id any one gives its number, the same to all who ask.
  const slotOfRow = tf.tensorScatterUpdate(
    tf.zeros([rows], 'int32'),
    ids.expandDims(1),
    tf.range(1, count + 1, 1, 'int32'),
  );
  const { rows: rowsOfEntries, columns: columnOf } = rowsAndColumns(indices as tf.Tensor1D, size);
  return {
    count,
    slots: tf.gather(slotOfRow, ids) as tf.Tensor1D,
    rowOf: tf.gather(slotOfRow, rowsOfEntries),
    columnOf,
  };
}
