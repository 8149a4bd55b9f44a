import { valuesByPattern } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { normal, zeros } from '../initial-laws.js';
import { inverseWavelet } from '../mathematics/inverse-wavelet.js';
import { torchPermutation } from '../mathematics/torch-generator.js';
import { wavelets } from '../mathematics/wavelets.js';
import { narrowingEntries, targetEntries } from '../module-entries.js';
import { requireSize, unsupportedEntry } from '../requirements.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';

const entries = {
  ...targetEntries,
  ...narrowingEntries,
  n_frequency: z.int().min(1).default(2592),
  n_frequency_pattern: z.record(z.string(), z.int().min(1)).default({}),
  scaling: z.number().default(25),
  wavelet_family: z.string().default('db1'),
  /** False: the numbers are entries of the weight itself. */
  use_idwt: z.boolean().default(true),
  random_loc_seed: z.int().default(777),
  /** As many numbers as `n_frequency` a module on average, shared out by the sizes of the weights. */
  proportional_parameters: z.boolean().default(false),
  init_weights: z.boolean().default(true),
};

type Config = z.output<z.ZodObject<typeof entries>>;

function countOf(config: Config, module: TargetModule, modules: readonly TargetModule[]): number {
  if (config.proportional_parameters) {
    const total = modules.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0);
    const share = (module.inputs * module.outputs) / total;
    return Math.max(1, roundToEven(share * (config.n_frequency * modules.length)));
  }
  const names = modules.map(({ name }) => name);
  const values = valuesByPattern('n_frequency_pattern', config.n_frequency_pattern, config.n_frequency, names);
  return values[names.indexOf(module.name)]!;
}

/** Python's `round`. */
function roundToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The filter of the family. Errors: `CONFIG_KEY_UNSUPPORTED`. */
function filterOf({ wavelet_family: family }: Config): readonly number[] {
  const filter = Object.hasOwn(wavelets, family) ? wavelets[family] : undefined;
  if (filter) return filter;
  throw unsupportedEntry(
    `"wavelet_family": "${family}"`,
    `one of ${Object.keys(wavelets).join(', ')}`,
    'merge the adapter into its model in HF peft (merge_and_unload), if that can run it, and load that model as the host',
  );
}

/** Where the numbers stand: flat places of a matrix `[size[0], size[1]]`, inputs first. */
interface Places {
  readonly size: readonly [number, number];
  readonly places: Int32Array;
}
const known = new Map<string, Places>();

function placesOf(config: Config, module: TargetModule, count: number): Places {
  const { inputs, outputs } = module;
  const taps = config.use_idwt ? filterOf(config).length : 0;
  const key = [config.random_loc_seed, inputs, outputs, count, taps].join();
  const before = known.get(key);
  if (before) return before;
  const entries = torchPermutation(config.random_loc_seed, inputs * outputs, count);
  const made: Places =
    taps === 0
      ? { size: [inputs, outputs], places: entries.map((at) => (at % inputs) * outputs + Math.floor(at / inputs)) }
      : amongCoefficients(entries, module, taps);
  if (known.size > 16) known.clear();
  known.set(key, made);
  return made;
}

/**
 * Places among the coefficients. HF peft sets the numbers in the middle of a matrix that is as much larger as the transform cuts off, and takes its
 * quadrants for bands: the upper right one for that of high frequencies among the outputs, the lower left one for that among the inputs.
 */
function amongCoefficients(entries: Int32Array, { inputs, outputs }: TargetModule, taps: number): Places {
  const padded = (size: number) => 2 * Math.ceil((size + taps - 2) / 2);
  const [width, height] = [padded(inputs), padded(outputs)];
  const [left, top] = [Math.floor((width - inputs) / 2), Math.floor((height - outputs) / 2)];
  const places = entries.map((at) => {
    const [row, column] = [Math.floor(at / inputs) + top, (at % inputs) + left];
    const [isLower, isRight] = [row >= height / 2, column >= width / 2];
    const output = (row % (height / 2)) + (isRight ? height / 2 : 0);
    const input = (column % (width / 2)) + (isLower ? width / 2 : 0);
    return input * height + output;
  });
  return { size: [width, height], places };
}

/** Values at flat places of zeros, with a gradient. */
function scatter(values: tf.Tensor, { size: [rows, columns], places }: Places): tf.Tensor2D {
  const indices = () => tf.tensor1d(places, 'int32');
  const place = tf.customGrad((given) => ({
    value: tf.scatterND(indices().expandDims(1), given as tf.Tensor, [rows * columns]),
    gradFunc: (dy: tf.Tensor) => tf.gather(dy, indices()),
  }));
  return place(values).reshape([rows, columns]);
}

/**
 * WaveFT (Bilican et al. 2025, arXiv 2505.12532, section 3): `ΔW` is the inverse wavelet transform of a matrix that is zero but for a few numbers at random
 * places; without the transform it is that matrix.
 */
export const waveft = makeWeightMethod({
  type: 'WAVEFT',
  entries,
  patterns: ['n_frequency_pattern'],
  kinds: ['weightDelta', 'sparseWeightDelta'],
  inputFirst: true,
  check(config) {
    filterOf(config);
  },
  parameters(config, module, modules) {
    const count = countOf(config, module, modules);
    requireSize(count <= module.inputs * module.outputs, module, `${count} frequencies`, 'at most one a weight');
    const initial = config.init_weights ? zeros : normal(0.01);
    return [{ name: 'waveft_spectrum', shape: [count], initial, perExample: 'outputs' }];
  },
  intervene(config, module, find, shared, modules) {
    const { inputs, outputs, path } = module;
    const found = placesOf(config, module, countOf(config, module, modules));
    const values = find('waveft_spectrum').mul(config.scaling);
    if (!config.use_idwt)
      return [{ kind: 'sparseWeightDelta', path, indices: tf.tensor1d(found.places, 'int32'), values }];
    const filter = filterOf(config);
    const ofInputs = inverseWavelet(scatter(values, found), filter).slice([0, 0], [inputs, -1]);
    const delta = inverseWavelet(ofInputs.transpose(), filter).slice([0, 0], [outputs, -1]);
    return [{ kind: 'weightDelta', path, delta: delta.transpose() }];
  },
});
