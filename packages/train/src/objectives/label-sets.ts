import * as tf from '@tensorflow/tfjs';
import { type LogitsObjective, logitsObjective } from './logits-objective.js';

/**
 * Several labels a text, each yes or no: mean over texts and labels of the binary cross entropy of `sigmoid(logits)`, logits
 * `[batch, labels]`; a target lists the indices of the labels that hold, none among the possibilities. As torch's `BCEWithLogitsLoss`.
 * Errors: `LABEL_INVALID`, `LOGITS_MISSHAPEN`.
 */
export const labelSets = (): LogitsObjective<readonly number[]> =>
  logitsObjective<readonly number[]>({
    id: 'label_sets',
    targets: 'distinct class indices, perhaps none',
    isTarget: (set, labels) =>
      Array.isArray(set) &&
      new Set(set).size === set.length &&
      set.every((label) => Number.isInteger(label) && label >= 0 && label < labels),
    batchLoss(logits, targets) {
      const [rows, labels] = logits.shape;
      const holds = new Float32Array(rows * labels);
      targets.forEach((set, row) => set.forEach((label) => (holds[row * labels + label] = 1)));
      // softplus(z) - z · y, which is exact for large logits of either sign.
      const products = logits.mul(tf.tensor2d(holds, [rows, labels]));
      return logits.softplus().sub(products).mean() as tf.Scalar;
    },
    meanLoss(rows, targets) {
      const sums = rows.map((row, index) =>
        row.reduce((sum, logit, label) => sum + softplus(logit) - (targets[index]!.includes(label) ? logit : 0), 0),
      );
      return sums.reduce((sum, value) => sum + value, 0) / (rows.length * (rows[0]?.length ?? 1));
    },
    ensemble: logitOfMeanProbability,
  });

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Logits whose sigmoid is the mean of the sigmoids. */
const logitOfMeanProbability = (draws: readonly Float32Array[]): Float32Array =>
  draws[0]!.map((_, index) => {
    // Of yes and of no apart: the rest to 1 of a probability near 1 is lost.
    const sum = (sign: number) => draws.reduce((total, draw) => total + 1 / (1 + Math.exp(-sign * draw[index]!)), 0);
    return Math.log(sum(1)) - Math.log(sum(-1));
  });
