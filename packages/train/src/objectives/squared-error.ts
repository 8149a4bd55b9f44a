import * as tf from '@tensorflow/tfjs';
import { type LogitsObjective, logitsObjective, meanOfDraws } from './logits-objective.js';

/** Mean squared error of logits `[batch, 1]` against numbers. Errors: `LABEL_INVALID`, `LOGITS_MISSHAPEN`. */
export const squaredError = (): LogitsObjective =>
  logitsObjective<number>({
    id: 'mean_squared_error',
    targets: 'a finite number',
    labels: 1,
    isTarget: (value) => Number.isFinite(value),
    batchLoss: (logits, targets) =>
      tf.mean(logits.sub(tf.tensor2d([...targets], [targets.length, 1])).square()) as tf.Scalar,
    meanLoss: (rows, targets) =>
      rows.reduce((sum, row, index) => sum + (row[0]! - targets[index]!) ** 2, 0) / targets.length,
    ensemble: meanOfDraws,
  });
