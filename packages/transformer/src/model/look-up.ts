import { timesMatrix } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { sparseRows } from '../kernels/sparse-rows.js';
import { shareOut } from './apply-linear.js';
import type { Pass } from './pass.js';

/** Rows of an embedding table with what acts on it, ids `[1 or batch, tokens]` to `[1 or batch, tokens, size]`. */
export function lookUp(ids: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  const { weights, interventions } = pass;
  const { at } = interventions;
  const rowsOf = (table: tf.Tensor) => tf.gather(table, ids as tf.Tensor2D);
  const table = weights.tensor(`${path}.weight`);
  let rows = at('weightDelta', path).reduce<tf.Tensor>(
    (sum, { delta, shares }) => sum.add(shares ? shareOut(rowsOf(delta), shares, pass) : rowsOf(delta)),
    rowsOf(table),
  );
  for (const { shares, ...entries } of at('sparseWeightDelta', path)) {
    const delta = sparseRows(ids, entries, table.shape as [number, number]);
    rows = rows.add(shares ? shareOut(delta, shares, pass) : delta);
  }
  for (const { down, middle, up, scale } of at('lowRankDelta', path)) {
    const narrow = rowsOf(down);
    rows = rows.add(
      timesMatrix(middle ? narrow.mul(middle.rank === 2 ? middle.expandDims(1) : middle) : narrow, up).mul(scale),
    );
  }
  for (const { scale } of at('weightScale', path)) {
    const perRow = scale.rank === 2 && scale.shape[0] === table.shape[0];
    rows = rows.mul(perRow ? rowsOf(scale) : scale);
  }
  return rows;
}
