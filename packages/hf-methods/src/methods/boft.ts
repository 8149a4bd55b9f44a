import type * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { normal, ones, zeros } from '../initial-laws.js';
import { cayley, rotateRows } from '../mathematics/cayley.js';
import { narrowingEntries, rateEntry, targetEntries } from '../module-entries.js';
import { requireSize, unsupportedEntry } from '../requirements.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';

const entries = {
  ...targetEntries,
  ...narrowingEntries,
  boft_block_size: z.int().min(0).default(4),
  /** Number of blocks, or 0 where `boft_block_size` says how large they are. */
  boft_block_num: z.int().min(0).default(0),
  boft_n_butterfly_factor: z.int().min(1).default(1),
  boft_dropout: rateEntry,
  init_weights: z.boolean().default(true),
};

type Config = z.output<z.ZodObject<typeof entries>>;

function blocksOf({ boft_block_size: size, boft_block_num: count }: Config, module: TargetModule) {
  const divisor = size === 0 ? count : size;
  const what = size === 0 ? `"boft_block_num": ${count}` : `"boft_block_size": ${size}`;
  requireSize(module.inputs % divisor === 0, module, what, 'a divisor of the number of inputs');
  return size === 0 ? { size: module.inputs / count, count } : { size, count: module.inputs / size };
}

/**
 * BOFT (Liu et al. 2024, arXiv 2311.06243, section 4): the inputs of a frozen weight are rotated in blocks and its outputs scaled,
 * `W ← R · W · diag(s)`, with R Cayley's rotation of `(M − Mᵀ) / 2`. One butterfly factor, which is what HF peft makes without its CUDA kernel.
 */
export const boft = makeWeightMethod({
  type: 'BOFT',
  entries,
  kinds: ['weightFunction'],
  check({ boft_block_size: size, boft_block_num: count, boft_n_butterfly_factor: factors }) {
    if ((count === 0) === (size === 0))
      throw unsupportedEntry(
        `"boft_block_num": ${count} and "boft_block_size": ${size}`,
        'one of them 0, the other not',
        'say how many blocks there are or how large they are, and set the other to 0',
      );
    if (factors > 1)
      throw unsupportedEntry(
        `"boft_n_butterfly_factor": ${factors}`,
        '1: more need the CUDA kernel of HF peft, which alone trains and runs them',
        'merge it in HF peft (merge_and_unload) and load the merged model as the host',
      );
  },
  parameters(config, module) {
    const { size, count } = blocksOf(config, module);
    const { init_weights: start } = config;
    return [
      { name: 'boft_R', shape: [1, count, size, size], initial: start ? zeros : normal(0.1) },
      { name: 'boft_s', shape: [module.outputs, 1], initial: start ? ones : normal(0.1, 1) },
    ];
  },
  intervene(config, module, find) {
    const matrices = find('boft_R').squeeze([0]);
    const rotations = cayley(matrices.sub(matrices.transpose([0, 2, 1])).mul(0.5));
    const scale = find('boft_s').reshape([-1]);
    const weight = (frozen: tf.Tensor) => rotateRows(frozen, rotations).mul(scale).sub(frozen);
    return [{ kind: 'weightFunction', path: module.path, weight }];
  },
});
