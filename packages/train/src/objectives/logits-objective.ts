import { PeftError } from '@tfjs-peft/peft-core';
import type { Objective } from '@tfjs-peft/peft-core/authoring';
import type * as tf from '@tensorflow/tfjs';
import { requireLogits } from './require-logits.js';

/** An objective of logits `[batch, labels]` with one target an example. */
export interface LogitsObjective<Target = number> extends Objective<readonly Target[]> {
  /** Whether a target makes sense; `labels` is how many columns the logits have. */
  isTarget(target: Target, labels?: number): boolean;
  /** What a target may be, for messages. */
  readonly targets: string;
  /** The mean loss, in double precision, of logits `[rows, labels]` that are in host memory. */
  meanLoss(logits: Float32Array, labels: number, targets: readonly Target[]): number;
  /** One set of logits that stands for several: the logarithm of the mean probability, or the mean. */
  ensemble(draws: readonly Float32Array[], labels: number): Float32Array;
}

/** The parts of an objective of logits that differ. */
export interface LogitsRules<Target> {
  readonly id: string;
  readonly targets: string;
  /** How many columns the logits must have; any number if absent. */
  readonly labels?: number;
  /** As in {@link Objective}. */
  readonly weightOf?: (targets: readonly Target[]) => number;
  /** Whether a target fits this number of logits. */
  readonly isTarget: (target: Target, labels: number) => boolean;
  /** On the device, differentiable; targets are checked. */
  readonly batchLoss: (logits: tf.Tensor2D, targets: readonly Target[]) => tf.Scalar;
  /** Of all rows, as `batchLoss`; targets are checked. */
  readonly meanLoss: (rows: readonly Float32Array[], targets: readonly Target[]) => number;
  /** One set of logits for several draws, each `[texts, labels]`, row-major. */
  readonly ensemble: (draws: readonly Float32Array[], labels: number) => Float32Array;
}

/** Errors of the result: `LABEL_INVALID`, `LOGITS_MISSHAPEN`, `LOGITS_MISSING`. */
export function logitsObjective<Target>(rules: LogitsRules<Target>): LogitsObjective<Target> {
  const { id, targets: described, isTarget } = rules;
  const check = (rows: number, labels: number, targets: readonly Target[]) => {
    if (rows !== targets.length || (rules.labels ?? labels) !== labels)
      throw new PeftError('LOGITS_MISSHAPEN', {
        found: `logits [${rows}, ${labels}] for ${targets.length} labels`,
        expected: `[${targets.length}, ${rules.labels ?? 'labels'}]`,
        ...(rules.labels !== undefined && {
          fix: `give the head ${rules.labels} label${rules.labels === 1 ? '' : 's'}, as ${id} has it, or give the objective what fits the head`,
        }),
      });
    const bad = targets.find((target) => !isTarget(target, labels));
    if (bad !== undefined)
      throw new PeftError('LABEL_INVALID', {
        found: `label ${JSON.stringify(bad)}`,
        expected: `${described}, of ${labels}`,
        fix: 'give the head as many labels as the task has, in the order of the class indices',
      });
  };
  return {
    id,
    ...(rules.weightOf && { weightOf: rules.weightOf }),
    loss(pass, { targets }, context) {
      const logits = requireLogits(pass({ ...context, reads: 'logits' }));
      check(logits.shape[0], logits.shape[1], targets);
      return { loss: rules.batchLoss(logits, targets) };
    },
    targets: described,
    isTarget: (target, labels = Infinity) => isTarget(target, labels),
    meanLoss(logits, labels, targets) {
      const count = logits.length / labels;
      check(count, labels, targets);
      const rows = Array.from({ length: count }, (_, row) => logits.subarray(row * labels, (row + 1) * labels));
      return rules.meanLoss(rows, targets);
    },
    ensemble: rules.ensemble,
  };
}

/** The mean of several sets of logits. */
export const meanOfDraws = (draws: readonly Float32Array[]): Float32Array =>
  draws[0]!.map((_, index) => draws.reduce((sum, draw) => sum + draw[index]!, 0) / draws.length);
