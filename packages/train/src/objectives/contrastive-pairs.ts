import { type Host, PeftError, type Readout } from '@tfjs-peft/peft-core';
import { type Batch, type Objective, objectiveOfOutputs } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { pooledFeatures } from './pooled-features.js';

/** Which features are compared. */
export interface ContrastivePairsOptions {
  /** Pools the hidden states into the features that are compared. */
  readonly host: Pick<Host, 'spec' | 'readOut'>;
  /** The host's usual one if absent. */
  readonly readout?: Readout;
}

/**
 * Pulls texts of one class together and pushes those of different classes apart: mean of `(cos(u, v) − target)²` over pairs (Tunstall et al.
 * 2022, arXiv 2209.11055, the first stage of SetFit; sentence-transformers' CosineSimilarityLoss). The batch holds the first texts of all pairs,
 * then the second ones; targets `[pairs]` are 1 for one class and 0 for two, or any wanted similarity.
 * Errors: `LABEL_INVALID`, `PAIRS_INCOMPLETE`, `READOUT_UNAVAILABLE`.
 */
export function contrastivePairs({ host, readout }: ContrastivePairsOptions): Objective<readonly number[]> {
  const used = readout ?? host.spec.defaultReadout;
  return objectiveOfOutputs(
    `contrastive_pairs(${used})`,
    (outputs, { inputs, targets }: Batch<readonly number[]>) => {
      const pairs = targets.length;
      const texts = inputs.inputIds.shape[0];
      if (texts !== 2 * pairs)
        throw new PeftError('PAIRS_INCOMPLETE', {
          found: `${texts} texts for ${pairs} pairs`,
          expected: `${2 * pairs} texts: the first ones of all pairs, then the second ones`,
        });
      const bad = targets.find((target) => !Number.isFinite(target));
      if (bad !== undefined)
        throw new PeftError('LABEL_INVALID', {
          found: `similarity ${bad}`,
          expected: 'a finite number, 0 or 1 as a rule',
        });
      const features = pooledFeatures(outputs, inputs, host, used);
      const unit = features.div(features.norm(2, 1, true).maximum(1e-8));
      const [first, second] = tf.split(unit, 2, 0);
      return first!
        .mul(second!)
        .sum(1)
        .sub(tf.tensor1d([...targets]))
        .square()
        .mean() as tf.Scalar;
    },
    { weightOf: () => null },
  );
}
