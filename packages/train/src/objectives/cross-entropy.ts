import { parseConfig } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { type LogitsObjective, logitsObjective } from './logits-objective.js';

const crossEntropyConfig = z.strictObject({
  /** One a class: an example counts with the weight of its class, and the mean is over weights, as in torch. */
  classWeights: z.array(z.number().nonnegative()).nullable().default(null),
  /** Share of the target that is spread over all classes. */
  labelSmoothing: z.number().min(0).lt(1).default(0),
});

/** Mean cross entropy of logits `[batch, labels]` against class indices. Errors: `CONFIG_INVALID`; `LABEL_INVALID`, `LOGITS_MISSHAPEN`. */
export function crossEntropy(config: z.input<typeof crossEntropyConfig> = {}): LogitsObjective {
  const { classWeights, labelSmoothing } = parseConfig(crossEntropyConfig, config, 'cross entropy');
  const weightOf = (label: number) => classWeights?.[label] ?? 1;
  /** What multiplies the logarithm of each class' probability in one row. */
  const sharesOf = (target: number, labels: number): Float64Array => {
    const shares = new Float64Array(labels);
    for (let label = 0; labelSmoothing > 0 && label < labels; label++)
      shares[label] = (labelSmoothing / labels) * weightOf(label);
    shares[target]! += (1 - labelSmoothing) * weightOf(target);
    return shares;
  };
  const weightsOf = (targets: readonly number[]) => targets.reduce((sum, target) => sum + weightOf(target), 0);
  // Texts of weight 0 alone teach nothing: their loss is 0.
  const total = (targets: readonly number[]) => weightsOf(targets) || 1;
  const settings = [
    ...(classWeights ? [`classWeights=${classWeights.join(',')}`] : []),
    ...(labelSmoothing > 0 ? [`labelSmoothing=${labelSmoothing}`] : []),
  ];
  return logitsObjective<number>({
    id: settings.length > 0 ? `cross_entropy(${settings.join(' ')})` : 'cross_entropy',
    targets: 'a class index: 0, 1, 2, ...',
    ...(classWeights && { labels: classWeights.length, weightOf: weightsOf }),
    isTarget: (label, labels) => Number.isInteger(label) && label >= 0 && label < labels,
    batchLoss(logits, targets) {
      const [rows, labels] = logits.shape;
      const divisor = total(targets);
      const shares = new Float32Array(rows * labels);
      targets.forEach((target, row) =>
        shares.set(
          sharesOf(target, labels).map((share) => -share / divisor),
          row * labels,
        ),
      );
      return tf
        .logSoftmax(logits)
        .mul(tf.tensor2d(shares, [rows, labels]))
        .sum() as tf.Scalar;
    },
    meanLoss(rows, targets) {
      const sum = rows.reduce((whole, row, index) => {
        const logProbabilities = logSoftmax(row);
        const shares = sharesOf(targets[index]!, row.length);
        return (
          whole -
          shares.reduce((part, share, label) => (share === 0 ? part : part + share * logProbabilities[label]!), 0)
        );
      }, 0);
      return sum / total(targets);
    },
    ensemble: logOfMeanProbability,
  });
}

function logSoftmax(row: Float32Array): Float64Array {
  const largest = row.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const logTotal = largest + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
  return Float64Array.from(row, (logit) => logit - logTotal);
}

/** Logarithms of the mean probabilities: logits whose softmax is the ensemble. `[rows, labels]` */
function logOfMeanProbability(draws: readonly Float32Array[], labels: number): Float32Array {
  const sums = new Float64Array(draws[0]!.length);
  for (const draw of draws)
    for (let start = 0; start < draw.length; start += labels) {
      const row = draw.subarray(start, start + labels);
      const largest = row.reduce((most, logit) => Math.max(most, logit), -Infinity);
      const total = row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
      row.forEach((logit, column) => (sums[start + column]! += Math.exp(logit - largest) / total));
    }
  return Float32Array.from(sums, (sum) => Math.log(Math.max(sum / draws.length, 1e-300)));
}
