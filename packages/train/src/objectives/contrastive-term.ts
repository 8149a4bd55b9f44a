import type { Host, Readout } from '@tfjs-peft/peft-core';
import { lossWithFirstPass, type Objective } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { pooledFeatures } from './pooled-features.js';

/** Which features are compared, and how much that counts. */
export interface ContrastiveTermOptions {
  /** Pools the hidden states into the features that are compared. */
  readonly host: Pick<Host, 'spec' | 'readOut'>;
  /** The host's usual one if absent. */
  readonly readout?: Readout;
  /** What the term is multiplied by. Default 1. */
  readonly weight?: number;
}

/**
 * An objective of class indices with the term `contrastive` added: the mean of `(cos(u, v) − same class)²` over all pairs of a batch, from the
 * pass that the objective runs anyway.
 */
export function withContrastiveTerm(
  objective: Objective<readonly number[]>,
  { host, readout = host.spec.defaultReadout, weight = 1 }: ContrastiveTermOptions,
): Objective<readonly number[]> {
  return {
    id: `${objective.id} + contrastive(${readout} weight=${weight})`,
    weightOf: () => null,
    loss(pass, batch, context) {
      const { loss, terms, first } = lossWithFirstPass(objective, pass, batch, context);
      const features = pooledFeatures(first!, batch.inputs, host, readout);
      const unit = features.div<tf.Tensor2D>(features.norm(2, 1, true).maximum(1e-8));
      const labels = tf.tensor1d([...batch.targets]);
      const alike = labels.expandDims(1).equal(labels.expandDims(0)).toFloat();
      const pairs = Math.max(1, batch.targets.length * (batch.targets.length - 1));
      // An example is always like itself: the diagonal adds nothing but rounding.
      const errors = tf.matMul(unit, unit, false, true).sub(alike).square();
      return { loss, terms: { ...terms, contrastive: errors.sum().mul(weight / pairs) as tf.Scalar } };
    },
  };
}
