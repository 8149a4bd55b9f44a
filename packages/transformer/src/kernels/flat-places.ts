import * as tf from '@tensorflow/tfjs';

/**
 * Row and column of flat indices (int32, any shape) of a matrix of `width` columns and fewer than 2^24 rows. TensorFlow.js divides int32 on wasm as float32, which is wrong by one
 * for indices above 2^24: the quotient is put right by its rest, which is exact. Call inside `tf.tidy`.
 */
export function rowsAndColumns<T extends tf.Tensor>(
  indices: T,
  width: number,
): { readonly rows: T; readonly columns: T } {
  const size = tf.scalar(width, 'int32');
  const rough = indices.floorDiv(size);
  const rest = indices.sub(rough.mul(size));
  const rows = rough.sub(tf.less(rest, 0).toInt()).add<T>(tf.greaterEqual(rest, size).toInt());
  return { rows, columns: indices.sub<T>(rows.mul(size)) };
}
