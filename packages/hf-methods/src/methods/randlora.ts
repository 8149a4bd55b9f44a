import type { InitialLaw } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { drawn, normal, zeros } from '../initial-laws.js';
import { torchGenerator, torchUnit } from '../mathematics/torch-generator.js';
import { layerEntries, rateEntry, targetEntries } from '../module-entries.js';
import { requireFewDrawn, unsupportedEntry } from '../requirements.js';
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
  randlora_dropout: rateEntry,
  randlora_alpha: z.number().default(640),
  init_weights: z.boolean().default(true),
};

const smaller = ({ inputs, outputs }: TargetModule) => Math.min(inputs, outputs);
const larger = ({ inputs, outputs }: TargetModule) => Math.max(inputs, outputs);

type Config = z.output<z.ZodObject<typeof entries>>;

/**
 * Of A and B, which have `sizes` numbers. Sparse ones are drawn from the key as HF peft draws them, A first: ±1 for one number of three or, very sparse,
 * of the root of the smaller size (Li et al. 2006), over their standard deviation.
 */
function projectionLaws(
  { sparse, very_sparse: verySparse, projection_prng_key: key }: Config,
  [ofA, ofB]: readonly [number, number],
  small: number,
): readonly [InitialLaw, InitialLaw] {
  if (!sparse && !verySparse) return [normal(1), normal(1)];
  const share = 1 / (2 * (verySparse ? Math.sqrt(small) : 3));
  const signs = (count: number, before: number) =>
    drawn(() => {
      const random = torchGenerator(key);
      for (let skipped = 0; skipped < before; skipped++) random();
      const values = Float32Array.from({ length: count }, () => {
        const unit = torchUnit(random);
        return unit < share ? -1 : unit > 1 - share ? 1 : 0;
      });
      return overDeviation(values);
    });
  return [signs(ofA, 0), signs(ofB, ofA)];
}

/** Numbers over the root of their unbiased variance, as torch has it; without one they stay as they are. */
function overDeviation(values: Float32Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (values.length - 1));
  return deviation > 0 ? values.map((value) => value / deviation) : values;
}

/**
 * RandLoRA (Albert et al. 2025, arXiv 2502.00987, equation 4): `ΔW = Σ B_j · diag(λ_j) · A · diag(γ_j) · alpha / r`, scaled sums of random, frozen
 * products that together have full rank. A and B are those of the largest module; each takes the corner of its size.
 */
export const randlora = makeWeightMethod({
  type: 'RANDLORA',
  entries,
  kinds: ['weightDelta', 'lowRankDelta'],
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
  shared(config, modules) {
    const { r } = config;
    const outputs = Math.max(...modules.map((module) => module.outputs));
    const inputs = Math.max(...modules.map((module) => module.inputs));
    const [small, large] = [Math.min(inputs, outputs), Math.max(inputs, outputs)];
    const bases = Math.ceil(small / r);
    const sizes = [r * small, large * bases * r] as const;
    requireFewDrawn(sizes[0] + sizes[1], `"r": ${r}`);
    const laws = projectionLaws(config, sizes, small);
    const frozen = { trainable: false, copied: true };
    return [
      { name: 'randlora_A', shape: [r, 1, small], initial: laws[0], ...frozen },
      { name: 'randlora_B', shape: [large, bases, r], initial: laws[1], ...frozen },
    ];
  },
  intervene({ r, randlora_alpha: alpha, randlora_dropout: dropout }, module, find, shared) {
    const { path } = module;
    const [small, large] = [smaller(module), larger(module)];
    const bases = Math.ceil(small / r);
    const a = shared('randlora_A').slice([0, 0, 0], [r, 1, small]);
    const scaled = a.mul(find('randlora_lambda').expandDims(-1)).mul(find('randlora_gamma'));
    const b = shared('randlora_B').slice([0, 0, 0], [large, bases, r]);
    // HF peft flattens both as they lie, A by [rank, base] and B by [base, rank].
    const ofSmall = scaled.reshape([r * bases, small]);
    const ofLarge = b.reshape([large, bases * r]);
    const scale = alpha / r;
    if (dropout > 0) {
      const ends =
        module.inputs === small
          ? { down: ofSmall.transpose(), up: ofLarge.transpose() }
          : { down: ofLarge, up: ofSmall };
      return [{ kind: 'lowRankDelta', path, ...ends, scale, dropout }];
    }
    const product = tf.matMul(ofSmall, ofLarge, true, true);
    const delta = module.inputs === small ? product : product.transpose();
    return [{ kind: 'weightDelta', path, delta: delta.mul(scale) }];
  },
});
