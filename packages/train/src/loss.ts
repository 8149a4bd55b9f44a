import { PeftError } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';

export type LossKind = 'cross_entropy' | 'mean_squared_error';

/**
 * Mean loss of one batch: cross entropy of logits `[batch, labels]` against class indices, or the mean squared error of logits
 * `[batch, 1]` against numbers. Errors: `LABEL_INVALID`, `LOGITS_MISSHAPEN`.
 */
export function batchLoss(kind: LossKind, logits: tf.Tensor2D, labels: readonly number[]): tf.Scalar {
  const [rows, columns] = logits.shape;
  checkLogits(kind, rows, columns, labels);
  if (kind === 'mean_squared_error')
    return tf.mean(logits.sub(tf.tensor2d([...labels], [rows, 1])).square()) as tf.Scalar;
  const targets = new Float32Array(rows * columns);
  labels.forEach((label, row) => (targets[row * columns + label] = -1 / rows));
  return tf
    .logSoftmax(logits)
    .mul(tf.tensor2d(targets, [rows, columns]))
    .sum() as tf.Scalar;
}

/** The same mean loss, in double precision, of logits that are already in host memory. */
export function meanLoss(kind: LossKind, logits: Float32Array, columns: number, labels: readonly number[]): number {
  checkLogits(kind, logits.length / columns, columns, labels);
  const sum = labels.reduce((total, label, row) => {
    const values = logits.subarray(row * columns, (row + 1) * columns);
    return total + (kind === 'cross_entropy' ? crossEntropy(values, label) : (values[0]! - label) ** 2);
  }, 0);
  return sum / labels.length;
}

function crossEntropy(logits: Float32Array, label: number): number {
  const largest = Math.max(...logits);
  return largest - logits[label]! + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
}

function checkLogits(kind: LossKind, rows: number, columns: number, labels: readonly number[]): void {
  if (rows !== labels.length || (kind === 'mean_squared_error' && columns !== 1))
    throw new PeftError('LOGITS_MISSHAPEN', {
      found: `logits [${rows}, ${columns}] for ${labels.length} labels`,
      expected: kind === 'mean_squared_error' ? `[${labels.length}, 1]` : `[${labels.length}, labels]`,
      fix: kind === 'mean_squared_error' ? 'give the head one label for a regression' : undefined,
    });
  const bad = labels.find((label) => !isLabel(kind, label, columns));
  if (bad !== undefined)
    throw new PeftError('LABEL_INVALID', {
      found: `label ${bad}`,
      expected: kind === 'cross_entropy' ? `a class index from 0 to ${columns - 1}` : 'a finite number',
      fix: 'give the head as many labels as the task has, in the order of the class indices',
    });
}

/** Whether a label makes sense; `columns` is how many classes there are. */
export const isLabel = (kind: LossKind, label: number, columns = Infinity): boolean =>
  kind === 'cross_entropy' ? Number.isInteger(label) && label >= 0 && label < columns : Number.isFinite(label);
