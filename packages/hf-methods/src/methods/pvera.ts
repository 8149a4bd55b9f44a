import { substream } from '@tfjs-peft/peft-core';
import { normals } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { layerEntries, rateEntry, targetEntries } from '../module-entries.js';
import { unsupportedEntry } from '../requirements.js';
import { makeWeightMethod } from '../weight-method.js';
import { projectionEntries, sharedProjections, vectorLaws } from './shared-projections.js';

const entries = {
  ...targetEntries,
  ...layerEntries,
  ...projectionEntries,
  pvera_dropout: rateEntry,
  /** Noise outside of training too, which is refused. */
  sample_at_inference: z.boolean().default(false),
  /** The seed of HF's noise in training; ours comes from the run's streams. */
  generator_seed: z.int().nullable().default(null),
};

/**
 * PVeRA, VeRA with learned noise (Fillioux et al. 2025, arXiv 2512.07703): `z = μ + exp(s / 2) · ε`, (μ, s) = d ⊙ (A · x), and `b ⊙ (B · z)` is added to the outputs. Noise ε is
 * drawn in training alone: otherwise z is μ, which is a change of weights.
 */
export const pvera = makeWeightMethod({
  type: 'PVERA',
  entries,
  kinds: ['lowRankDelta', 'activationDelta'],
  inputFirst: true,
  check({ sample_at_inference: samples }) {
    if (samples)
      throw unsupportedEntry(
        '"sample_at_inference": true',
        'false',
        'set it to false: the means are run, without noise',
      );
  },
  parameters(config, { outputs }) {
    const { b, d } = vectorLaws(config);
    return [
      { name: 'pvera_lambda_b', shape: [outputs], initial: b },
      { name: 'pvera_lambda_d', shape: [2 * config.r], initial: d },
    ];
  },
  // Twice as many rows as the rank: means, then logarithms of variances.
  shared: (config, modules) => sharedProjections(config, modules, { a: 'pvera_A', b: 'pvera_B', ranks: 2 * config.r }),
  intervene({ r, pvera_dropout: dropout }, { path, inputs, outputs }, find, shared, _modules, context) {
    const a = shared('pvera_A')
      .slice([0, 0], [2 * r, inputs])
      .transpose();
    const d = find('pvera_lambda_d');
    const up = shared('pvera_B').slice([0, 0], [outputs, r]).transpose().mul(find('pvera_lambda_b'));
    const half = (x: tf.Tensor, part: 0 | 1) => tf.split(x, 2, -1)[part]!;
    const mean = {
      kind: 'lowRankDelta' as const,
      path,
      down: half(a, 0),
      middle: half(d, 0),
      up,
      scale: 1,
      ...(dropout > 0 && { dropout }),
    };
    if (context.mode !== 'train') return [mean];
    const noise = substream(context.streams.dropout, `${path}.pvera`);
    const spread = (x: tf.Tensor): tf.Tensor => {
      const [batch, tokens] = x.shape as [number, number, number];
      const rows = x.reshape([-1, inputs]);
      const logVariance = tf.matMul(rows, half(a, 1)).mul(half(d, 1));
      const drawn = tf.tensor2d(normals(noise, batch * tokens * r), [batch * tokens, r]);
      return tf.matMul(logVariance.mul(0.5).exp().mul(drawn), up).reshape([batch, tokens, outputs]);
    };
    return [mean, { kind: 'activationDelta', path, apply: spread, perToken: true, draws: true }];
  },
});
