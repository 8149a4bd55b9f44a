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

/**
 * Forms the gradients of all texts and outputs with respect to `width` rows of the weight from `start` on: `[outputs · texts, width · columns]`,
 * outputs outermost.
 * Call it, and what it returns, inside one `tf.tidy`.
 */
export function formGradients({ x, slopes, lengths }: AffineBlock): (start: number, width: number) => tf.Tensor2D {
  const longest = Math.max(...lengths);
  const places = lengths.reduce((sum, length) => sum + length, 0);
  // A text's places, then one that is zero until all texts are as long as the longest.
  let next = 0;
  const own = lengths.map((length) => Array.from({ length: longest }, (_, i) => (i < length ? next++ : places)));
  const padded = (tensor: tf.Tensor2D) =>
    tf.gather(tensor.pad([[0, 1], [0, 0]]), tf.tensor2d(own, undefined, 'int32')) as tf.Tensor; // prettier-ignore
  const byInput = padded(x).transpose([0, 2, 1]);
  const bySlope = slopes.map(padded);
  return (start, width) => {
    const part = byInput.slice([0, start, 0], [-1, width, -1]);
    return tf.concat(bySlope.map((slope) => tf.matMul(part, slope))).reshape([slopes.length * lengths.length, -1]);
  };
}

/** -1, 0 or 1: numbers up to `threshold` in size count as 0, since rounding decides their sign. */
export const signOf = (x: tf.Tensor, threshold: number): tf.Tensor =>
  tf.tidy(() => tf.sign(x.sub(tf.clipByValue(x, -threshold, threshold))));
