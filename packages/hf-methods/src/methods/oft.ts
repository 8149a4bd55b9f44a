import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { normal, zeros } from '../initial-laws.js';
import { cayley, cayleyNeumann, rotateRows, skewFromVector } from '../mathematics/cayley.js';
import { narrowingEntries, rateEntry, targetEntries } from '../module-entries.js';
import { unsupportedEntry } from '../requirements.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';

const entries = {
  ...targetEntries,
  ...narrowingEntries,
  /** Number of blocks, or 0 where `oft_block_size` says how large they are. */
  r: z.int().min(0).default(0),
  oft_block_size: z.int().min(0).default(32),
  module_dropout: rateEntry,
  init_weights: z.boolean().default(true),
  /** Rotations by at most `eps`. */
  coft: z.boolean().default(false),
  eps: z.number().min(0).default(6e-5),
  block_share: z.boolean().default(false),
  use_cayley_neumann: z.boolean().default(true),
  num_cayley_neumann_terms: z.int().min(1).max(256).default(5),
};

type Config = z.output<z.ZodObject<typeof entries>>;

/** The divisor of `size` that is nearest to `wanted`, the smaller one of two. */
function nearestDivisor(size: number, wanted: number): number {
  if (wanted >= size) return size;
  let [above, below] = [wanted, wanted];
  while (size % above !== 0) above += 1;
  while (size % below !== 0) below -= 1;
  return wanted - below <= above - wanted ? below : above;
}

function blocksOf({ r, oft_block_size: blockSize }: Config, { inputs }: TargetModule) {
  const size = r === 0 ? nearestDivisor(inputs, blockSize) : inputs / nearestDivisor(inputs, r);
  return { size, count: inputs / size };
}

/**
 * Constrained OFT: the numbers `[blocks, size(size − 1)/2]` of each block cut back to a ball, in which the norm of the skew-symmetric matrix is at
 * most `eps` over the root of how many blocks there are.
 */
function inBall(numbers: tf.Tensor, eps: number): tf.Tensor {
  const bound = eps / Math.sqrt(numbers.shape[0]!);
  const norms = numbers.square().sum(1, true).mul(2).sqrt();
  return numbers.mul(tf.scalar(bound).div(norms.maximum(Math.max(bound, 1e-30))));
}

/** The same with the slope of what is cut back: HF peft projects the stored numbers themselves before each pass, without a gradient. */
const constrained = (numbers: tf.Tensor, eps: number): tf.Tensor =>
  tf.customGrad((free) => ({
    value: tf.tidy(() => inBall(free as tf.Tensor, eps)),
    gradFunc: (dy: tf.Tensor) => dy,
  }))(numbers);

/**
 * OFT (Qiu et al. 2023, arXiv 2306.07280, section 3.2; Qiu et al. 2025, arXiv 2506.19847, section 3.2): the inputs of a frozen weight are rotated
 * in blocks, `W ← R · W`; the rotation is Cayley's of a skew-symmetric matrix, or the first powers of its series.
 */
export const oft = makeWeightMethod({
  type: 'OFT',
  entries,
  kinds: ['weightFunction'],
  check({ r, oft_block_size: size }) {
    if ((r === 0) === (size === 0))
      throw unsupportedEntry(
        `"r": ${r} and "oft_block_size": ${size}`,
        'one of them 0, the other not',
        'say how many blocks there are or how large they are, and set the other to 0',
      );
  },
  project: ({ coft, eps }) => (coft ? (numbers) => inBall(numbers, eps) : undefined),
  parameters(config, module) {
    const { size, count } = blocksOf(config, module);
    const shape = [config.block_share ? 1 : count, (size * (size - 1)) / 2];
    return [{ name: 'oft_R.weight', shape, initial: config.init_weights ? zeros : normal(0.1) }];
  },
  intervene(config, module, find) {
    const { size, count } = blocksOf(config, module);
    const numbers = find('oft_R.weight');
    const skew = skewFromVector(config.coft ? constrained(numbers, config.eps) : numbers, size);
    const one = config.use_cayley_neumann ? cayleyNeumann(skew, config.num_cayley_neumann_terms) : cayley(skew);
    const rotations = config.block_share ? one.tile([count, 1, 1]) : one;
    return [
      { kind: 'weightFunction', path: module.path, weight: (frozen) => rotateRows(frozen, rotations).sub(frozen) },
    ];
  },
});
