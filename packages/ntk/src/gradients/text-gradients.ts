import * as tf from '@tensorflow/tfjs';
import type { AffineBlock } from './blocks.js';
import { transposedTimes } from './owners.js';

/** The formed gradients `[to - from, input · output]` of some texts: for what is not linear in them. Call inside `tf.tidy`. */
export function textGradients(
  { x, slopes, lengths }: AffineBlock,
  output: number,
  from: number,
  to: number,
): tf.Tensor2D {
  const slope = slopes[output]!;
  const starts = lengths.map((_, text) => lengths.slice(0, text).reduce((sum, length) => sum + length, 0));
  const size = x.shape[1] * slope.shape[1];
  return tf.stack(
    lengths.slice(from, to).map((length, i) => {
      const places = [starts[from + i]!, length] as const;
      const of = (rows: tf.Tensor2D) => rows.slice([places[0], 0], [places[1], -1]);
      return transposedTimes(of(x), of(slope)).reshape([size]);
    }),
  ) as tf.Tensor2D;
}

/** -1, 0 or 1: numbers up to `threshold` in size count as 0, since rounding decides their sign. */
export const signOf = (x: tf.Tensor, threshold: number): tf.Tensor =>
  tf.tidy(() => x.greater(threshold).toFloat().sub(x.less(-threshold).toFloat()));
