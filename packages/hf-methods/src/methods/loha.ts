import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { kaiming, zeros } from '../initial-laws.js';
import { makeWeightMethod } from '../weight-method.js';
import { lycorisEntries, lycorisPatterns, rankAndScale } from './lycoris.js';

/**
 * LoHa, Hadamard products of low-rank matrices (Hyeon-Woo et al. 2022, arXiv 2108.06098, section 2.1):
 * `ΔW = (w1_a · w1_b) ⊙ (w2_a · w2_b) · alpha / r`.
 */
export const loha = makeWeightMethod({
  type: 'LOHA',
  entries: { ...lycorisEntries, init_weights: z.boolean().default(true) },
  patterns: lycorisPatterns,
  kinds: ['weightDelta'],
  parameters(config, module, modules) {
    const { rank } = rankAndScale(config, module, modules);
    const [a, b] = [
      [module.outputs, rank],
      [rank, module.inputs],
    ];
    const wide = kaiming(module.inputs);
    return [
      { name: 'hada_w1_a', shape: a, initial: kaiming(rank) },
      { name: 'hada_w1_b', shape: b, initial: wide },
      { name: 'hada_w2_a', shape: a, initial: kaiming(rank) },
      { name: 'hada_w2_b', shape: b, initial: config.init_weights ? zeros : wide },
    ];
  },
  intervene(config, module, find, shared, modules) {
    const product = (factor: 'w1' | 'w2') => tf.matMul(find(`hada_${factor}_b`), find(`hada_${factor}_a`), true, true);
    const { scale } = rankAndScale(config, module, modules);
    return [{ kind: 'weightDelta', path: module.path, delta: product('w1').mul(product('w2')).mul(scale) }];
  },
});
