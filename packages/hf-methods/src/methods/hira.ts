import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { kaiming, normal, zeros } from '../initial-laws.js';
import { narrowingEntries, targetEntries } from '../module-entries.js';
import { makeWeightMethod } from '../weight-method.js';

const entries = {
  ...targetEntries,
  ...narrowingEntries,
  r: z.int().min(1).default(32),
  hira_dropout: z.number().default(0),
  init_weights: z.union([z.boolean(), z.literal('gaussian')]).default(true),
};

/** HiRA (Huang et al. 2025, ICLR, equation 3): the product of two thin matrices multiplies the frozen weight, `ΔW = W ⊙ (B · A)`. */
export const hira = makeWeightMethod({
  type: 'HIRA',
  entries,
  kinds: ['weightFunction'],
  inputFirst: true,
  parameters({ r: rank, init_weights: start }, module) {
    const random = start === 'gaussian' ? normal(1 / rank) : start ? kaiming(module.inputs) : normal(1);
    return [
      { name: 'hira_A', shape: [rank, module.inputs], initial: random },
      { name: 'hira_B', shape: [module.outputs, rank], initial: start === false ? normal(1) : zeros },
    ];
  },
  intervene(config, { path }, find) {
    const product = tf.matMul(find('hira_A'), find('hira_B'), true, true);
    return [{ kind: 'weightFunction', path, weight: (frozen) => frozen.mul(product) }];
  },
});
