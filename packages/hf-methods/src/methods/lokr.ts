import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { kaiming, zeros } from '../initial-laws.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';
import type { StoredParameter } from '../weight-parameters.js';
import { lycorisEntries, lycorisPatterns, rankAndScale } from './lycoris.js';

const entries = {
  ...lycorisEntries,
  decompose_both: z.boolean().default(false),
  decompose_factor: z.int().default(-1),
  rank_dropout_scale: z.boolean().default(false),
  init_weights: z.union([z.boolean(), z.literal('lycoris')]).default(true),
};

type Config = z.output<z.ZodObject<typeof entries>>;

/** A size as a product of two, the smaller first: the divisors nearest to its root, or nearest below `factor`. */
function factorised(size: number, factor: number): readonly [number, number] {
  if (factor > 0 && size % factor === 0) return [factor, size / factor];
  const most = factor === -1 ? size : factor;
  let [small, large] = [1, size];
  while (small < large) {
    let next = small + 1;
    while (size % next !== 0) next += 1;
    if (next + size / next > small + large || next > most) break;
    [small, large] = [next, size / next];
  }
  return small > large ? [large, small] : [small, large];
}

/** Shapes of the two Kronecker factors, and which of them are themselves low-rank products. */
function layOut(config: Config, module: TargetModule, rank: number) {
  const [outer, outerRest] = factorised(module.outputs, config.decompose_factor);
  const [inner, innerRest] = factorised(module.inputs, config.decompose_factor);
  return {
    w1: [outer, inner] as const,
    w2: [outerRest, innerRest] as const,
    splitW1: config.decompose_both && rank < Math.max(outer, inner) / 2,
    splitW2: rank < Math.max(outerRest, innerRest) / 2,
  };
}

/**
 * LoKr, Kronecker products (Yeh et al. 2023, arXiv 2309.14859, section 4.1): `ΔW = w1 ⊗ w2 · alpha / r`; a factor that is large beside the rank is
 * a low-rank product.
 */
export const lokr = makeWeightMethod({
  type: 'LOKR',
  entries,
  patterns: lycorisPatterns,
  kinds: ['weightDelta'],
  parameters(config, module, modules): StoredParameter[] {
    const { rank } = rankAndScale(config, module, modules);
    const { w1, w2, splitW1, splitW2 } = layOut(config, module, rank);
    const start = config.init_weights;
    const factor = (name: string, [rows, columns]: readonly [number, number], split: boolean, zero: boolean) => {
      if (!split) return [{ name, shape: [rows, columns], initial: zero ? zeros : kaiming(columns) }];
      // In LyCORIS' own start the second factor of w2 is zero, in HF's the first one of w1.
      const zeroFirst = name === 'lokr_w1';
      return [
        { name: `${name}_a`, shape: [rows, rank], initial: zero && zeroFirst ? zeros : kaiming(rank) },
        { name: `${name}_b`, shape: [rank, columns], initial: zero && !zeroFirst ? zeros : kaiming(columns) },
      ];
    };
    return [...factor('lokr_w1', w1, splitW1, start === true), ...factor('lokr_w2', w2, splitW2, start === 'lycoris')];
  },
  intervene(config, module, find, shared, modules) {
    const { rank, scale } = rankAndScale(config, module, modules);
    const { w1, w2, splitW1, splitW2 } = layOut(config, module, rank);
    const matrix = (name: string, split: boolean) =>
      split ? tf.matMul(find(`${name}_a`), find(`${name}_b`)) : find(name);
    const left = matrix('lokr_w1', splitW1).reshape([w1[0], 1, w1[1], 1]);
    const right = matrix('lokr_w2', splitW2).reshape([1, w2[0], 1, w2[1]]);
    const delta = left.mul(right).reshape([module.outputs, module.inputs]).transpose().mul(scale);
    return [{ kind: 'weightDelta', path: module.path, delta }];
  },
});
