import { distinctBelow, maskedShuffle, pcg64 } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { drawn, normal, uniform } from '../initial-laws.js';
import { layerEntries, rateEntry, targetEntries } from '../module-entries.js';
import { requireFewDrawn } from '../requirements.js';
import type { TargetModule } from '../select-modules.js';
import { type Find, makeWeightMethod } from '../weight-method.js';
import type { StoredParameter } from '../weight-parameters.js';

const entries = {
  ...targetEntries,
  ...layerEntries,
  r: z.int().min(1).default(4),
  proj_seed: z.int().min(0).default(42),
  theta_d_length: z
    .int()
    .min(1)
    .max(2 ** 24)
    .default(256),
  /** The file holds which number goes where; without it that is drawn from the seed, as numpy draws it. */
  save_indices: z.boolean().default(false),
  unilora_dropout: rateEntry,
  init_theta_d_bound: z.number().default(0.02),
  init_weights: z.boolean().default(true),
};

type Config = z.output<z.ZodObject<typeof entries>>;

/** One factor of a module: which number of the vector stands at each place, and what it is multiplied with. */
interface Factor {
  readonly shape: readonly [number, number];
  readonly indices: Int32Array;
  readonly scales: Float32Array;
}
type Factors = Readonly<Record<'A' | 'B', Factor>>;

const shapesOf = ({ r }: Config, { inputs, outputs }: TargetModule) => ({ A: [r, inputs], B: [outputs, r] }) as const;

/** The factors of all modules, which depend on all of them; kept as long as the list of modules. */
const known = new WeakMap<readonly TargetModule[], readonly Factors[]>();
function factorsOf(config: Config, modules: readonly TargetModule[]): readonly Factors[] {
  const before = known.get(modules);
  if (before) return before;
  const made = drawFactors(config, modules);
  known.set(modules, made);
  return made;
}

/** Entries of all factors of all modules. */
const countPlaces = ({ r }: Config, modules: readonly TargetModule[]): number =>
  modules.reduce((sum, { inputs, outputs }) => sum + r * (inputs + outputs), 0);

/** Each number of the vector stands at as many places as any other, or at one more; it counts by one over the root of how many. */
function drawFactors(config: Config, modules: readonly TargetModule[]): readonly Factors[] {
  const { proj_seed: seed, theta_d_length: length } = config;
  const places = countPlaces(config, modules);
  const [all, next] = [new Int32Array(places), pcg64(seed)];
  const times = Math.floor(places / length);
  for (let i = 0; i < times * length; i++) all[i] = Math.floor(i / times);
  if (places % length > 0) all.set(distinctBelow(next, length, places % length), times * length);
  maskedShuffle(next, all);
  const counts = new Int32Array(length);
  for (const index of all) counts[index]!++;
  let start = 0;
  const take = (shape: readonly [number, number]): Factor => {
    const indices = all.subarray(start, (start += shape[0] * shape[1]));
    return { shape, indices, scales: Float32Array.from(indices, (index) => 1 / Math.sqrt(counts[index]!)) };
  };
  return modules.map((module) => {
    const { A, B } = shapesOf(config, module);
    return { A: take(A), B: take(B) };
  });
}

/** HF peft stores indices as whole numbers. */
function stored(config: Config, module: TargetModule, modules: readonly TargetModule[]): StoredParameter[] {
  if (!config.save_indices) return [];
  const shapes = shapesOf(config, module);
  return (['A', 'B'] as const).flatMap((factor) => {
    const values = (part: 'indices' | 'scales') => ({
      shape: shapes[factor],
      initial: drawn(() => Float32Array.from(factorsOf(config, modules)[modules.indexOf(module)]![factor][part])),
      trainable: false,
    });
    return [
      { name: `unilora_indices_${factor}`, below: config.theta_d_length, ...values('indices') },
      { name: `unilora_scales_${factor}`, ...values('scales') },
    ];
  });
}

/** A factor from the vector: A `[r, inputs]`, B `[outputs, r]`. */
function factorFrom(vector: tf.Tensor, { shape, indices, scales }: Factor): tf.Tensor2D {
  return tf
    .gather(vector, tf.tensor1d(indices, 'int32'))
    .mul(tf.tensor1d(scales))
    .reshape([...shape]);
}

function storedFactor(vector: tf.Tensor, find: Find, factor: 'A' | 'B', shape: readonly [number, number]): tf.Tensor2D {
  const indices = find(`unilora_indices_${factor}`).reshape([-1]).toInt();
  return tf
    .gather(vector, indices)
    .reshape([...shape])
    .mul(find(`unilora_scales_${factor}`));
}

/**
 * Uni-LoRA (Li et al. 2025, arXiv 2506.00799, section 3): all entries of all factors of LoRA come from one short vector, each from a place that a seed
 * chooses; the projection keeps distances.
 */
export const unilora = makeWeightMethod({
  type: 'UNILORA',
  entries,
  kinds: ['lowRankDelta'],
  inputFirst: true,
  parameters: stored,
  shared(config, modules) {
    const { theta_d_length: length, init_theta_d_bound: bound, init_weights: init } = config;
    requireFewDrawn(countPlaces(config, modules), `"r": ${config.r}`);
    return [{ name: 'unilora_theta_d', shape: [length], initial: init ? uniform(bound) : normal(1) }];
  },
  intervene(config, module, find, shared, modules) {
    const vector = shared('unilora_theta_d');
    const shapes = shapesOf(config, module);
    const factor = (name: 'A' | 'B') =>
      config.save_indices
        ? storedFactor(vector, find, name, shapes[name])
        : factorFrom(vector, factorsOf(config, modules)[modules.indexOf(module)]![name]);
    const { unilora_dropout: dropout } = config;
    return [
      {
        kind: 'lowRankDelta',
        path: module.path,
        down: factor('A').transpose(),
        up: factor('B').transpose(),
        scale: 1,
        ...(dropout > 0 && { dropout }),
      },
    ];
  },
});
