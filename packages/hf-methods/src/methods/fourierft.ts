import { valuesByPattern } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { normal, zeros } from '../initial-laws.js';
import { torchPermutation } from '../mathematics/torch-generator.js';
import { narrowingEntries, targetEntries } from '../module-entries.js';
import { requireSize } from '../requirements.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';

const entries = {
  ...targetEntries,
  ...narrowingEntries,
  n_frequency: z.int().min(1).default(1000),
  n_frequency_pattern: z.record(z.string(), z.int().min(1)).default({}),
  scaling: z.number().default(150),
  random_loc_seed: z.int().nullable().default(777),
  init_weights: z.boolean().default(false),
};

type Config = z.output<z.ZodObject<typeof entries>>;

function frequenciesOf(config: Config, module: TargetModule, modules: readonly TargetModule[]): number {
  const names = modules.map(({ name }) => name);
  const values = valuesByPattern('n_frequency_pattern', config.n_frequency_pattern, config.n_frequency, names);
  return values[names.indexOf(module.name)]!;
}

/** The places of a spectrum, which all modules of one size share; kept, since a draw shuffles as many numbers as the weight has. */
const known = new Map<string, Int32Array>();
function placesOf(seed: number, { inputs, outputs }: TargetModule, count: number): Int32Array {
  const key = [seed, outputs * inputs, count].join();
  const places = known.get(key) ?? torchPermutation(seed, outputs * inputs, count);
  if (known.size > 16) known.clear();
  known.set(key, places);
  return places;
}

/**
 * `2π · rows ⊗ columns / size` with the whole turns taken off first, which single precision would not survive; `[rows, columns]`. Rows are
 * counted in digits of such a base that no product reaches 2^24, from which on single precision leaves whole numbers out.
 */
function angles(size: number, frequencies: Float32Array): tf.Tensor2D {
  const base = Math.floor(2 ** 24 / size);
  const ofDigit = (place: number) => {
    const digits = Float32Array.from({ length: size }, (_, row) => Math.floor(row / base ** place) % base);
    return tf.outerProduct(tf.tensor1d(digits), tf.tensor1d(frequencies)).mod(size);
  };
  let place = 0;
  while (base ** (place + 1) < size) place += 1;
  let rest = ofDigit(place);
  while (place > 0) rest = rest.mul(base).mod(size).add(ofDigit(--place)).mod(size);
  return rest.mul((2 * Math.PI) / size);
}

/**
 * FourierFT (Gao et al. 2024, arXiv 2405.03003, equation 3): `ΔW = Re(F⁻¹(spectrum)) · scaling`, a few coefficients at random frequencies. The
 * inverse transform of a real spectrum has the real part `Σ c · cos(a + b) = Σ c · (cos a · cos b − sin a · sin b)`, two thin products.
 */
export const fourierft = makeWeightMethod({
  type: 'FOURIERFT',
  entries,
  patterns: ['n_frequency_pattern'],
  kinds: ['weightDelta'],
  inputFirst: true,
  parameters(config, module, modules) {
    const count = frequenciesOf(config, module, modules);
    requireSize(count <= module.inputs * module.outputs, module, `${count} frequencies`, 'at most one a weight');
    const initial = config.init_weights ? zeros : normal(1);
    return [{ name: 'fourierft_spectrum', shape: [count], initial, perExample: 'outputs' }];
  },
  intervene(config, module, find, shared, modules) {
    const { inputs, outputs, path } = module;
    const places = placesOf(config.random_loc_seed ?? 0, module, frequenciesOf(config, module, modules));
    const rows = angles(
      outputs,
      Float32Array.from(places, (place) => Math.floor(place / inputs)),
    );
    const columns = angles(
      inputs,
      Float32Array.from(places, (place) => place % inputs),
    );
    const spectrum = find('fourierft_spectrum').mul(config.scaling / (inputs * outputs));
    const even = tf.matMul(columns.cos().mul(spectrum), rows.cos(), false, true);
    const odd = tf.matMul(columns.sin().mul(spectrum), rows.sin(), false, true);
    return [{ kind: 'weightDelta', path, delta: even.sub(odd) }];
  },
});
