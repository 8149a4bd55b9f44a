import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { normal, zeros } from '../initial-laws.js';
import { layerEntries, targetEntries } from '../module-entries.js';
import { unsupportedEntry } from '../requirements.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';

const entries = {
  ...targetEntries,
  ...layerEntries,
  r: z.int().min(1).default(32),
  projection_prng_key: z.int().default(0),
  save_projection: z.boolean().default(true),
  sparse: z.boolean().default(false),
  very_sparse: z.boolean().default(false),
  randlora_dropout: z.number().default(0),
  randlora_alpha: z.number().default(640),
  init_weights: z.boolean().default(true),
};

const smaller = ({ inputs, outputs }: TargetModule) => Math.min(inputs, outputs);
const larger = ({ inputs, outputs }: TargetModule) => Math.max(inputs, outputs);

/**
 * RandLoRA (Albert et al. 2025, arXiv 2502.00987, equation 4): `ΔW = Σ B_j · diag(λ_j) · A · diag(γ_j) · alpha / r`, scaled sums of random, frozen
 * products that together have full rank. A and B are those of the largest module; each takes the corner of its size.
 */
export const randlora = makeWeightMethod({
  type: 'RANDLORA',
  entries,
  kinds: ['weightDelta'],
  inputFirst: true,
  check({ save_projection: saved, projection_prng_key: key }) {
    if (!saved)
      throw unsupportedEntry(
        `"save_projection": false, so that its random matrices are in no file but drawn by PyTorch from the key ${key}`,
        'a file that holds them',
        'load it in HF peft, set save_projection to true in its configuration and save it again',
      );
  },
  parameters({ r, init_weights: init }, module) {
    const bases = Math.ceil(smaller(module) / r);
    const scale = init ? Math.max(bases, smaller(module)) : larger(module);
    return [
      { name: 'randlora_lambda', shape: [r, bases], initial: init ? zeros : normal(1) },
      { name: 'randlora_gamma', shape: [bases, smaller(module)], initial: { kind: 'constant', value: 1 / scale } },
    ];
  },
  shared({ r }, modules) {
    const outputs = Math.max(...modules.map((module) => module.outputs));
    const inputs = Math.max(...modules.map((module) => module.inputs));
    const [small, large] = [Math.min(inputs, outputs), Math.max(inputs, outputs)];
    const frozen = { initial: normal(1), trainable: false, copied: true };
    return [
      { name: 'randlora_A', shape: [r, 1, small], ...frozen },
      { name: 'randlora_B', shape: [large, Math.ceil(small / r), r], ...frozen },
    ];
  },
  intervene({ r, randlora_alpha: alpha }, module, find, shared) {
    const [small, large] = [smaller(module), larger(module)];
    const bases = Math.ceil(small / r);
    const a = shared('randlora_A').slice([0, 0, 0], [r, 1, small]);
    const scaled = a.mul(find('randlora_lambda').expandDims(-1)).mul(find('randlora_gamma'));
    const b = shared('randlora_B').slice([0, 0, 0], [large, bases, r]);
    // HF peft flattens both as they lie, A by [rank, base] and B by [base, rank].
    const product = tf.matMul(scaled.reshape([r * bases, small]), b.reshape([large, bases * r]), true, true);
    const delta = module.inputs === small ? product : product.transpose();
    return [{ kind: 'weightDelta', path: module.path, delta: delta.mul(alpha / r) }];
  },
});
