import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { kaiming } from '../initial-laws.js';
import { narrowingEntries, targetEntries } from '../module-entries.js';
import { makeWeightMethod } from '../weight-method.js';

const entries = {
  ...targetEntries,
  ...narrowingEntries,
  r: z.int().min(1).default(8),
  /** Whether the vectors are made orthogonal to one another first. */
  apply_GS: z.boolean().default(false),
  init_weights: z.boolean().default(true),
};

/** Columns of `[inputs, r]` as unit vectors `[inputs, 1]`; orthogonal ones if asked (Gram-Schmidt). */
function unitVectors(columns: tf.Tensor, orthogonal: boolean): tf.Tensor[] {
  const units: tf.Tensor[] = [];
  for (const column of tf.split(columns, columns.shape[1]!, 1)) {
    const free = orthogonal ? units.reduce((rest, unit) => rest.sub(unit.mul(unit.mul(rest).sum())), column) : column;
    units.push(free.div(free.square().sum().sqrt()));
  }
  return units;
}

/** A weight `[inputs, outputs]` mirrored at one hyperplane after the other: `W ← W − 2u(uᵀW)`. */
const mirror = (weight: tf.Tensor, units: readonly tf.Tensor[]): tf.Tensor =>
  units.reduce((mirrored, unit) => mirrored.sub(unit.mul(2).mul(tf.matMul(unit, mirrored, true))), weight);

/**
 * HRA (Yuan et al. 2024, arXiv 2405.17484, equation 4): the inputs of a frozen weight pass a chain of Householder reflections. A start in equal
 * pairs, as HF peft has it for even r, is the identity.
 */
export const hra = makeWeightMethod({
  type: 'HRA',
  entries,
  kinds: ['weightFunction'],
  parameters: ({ r }, { inputs }) => [{ name: 'hra_u', shape: [inputs, r], initial: kaiming(r) }],
  intervene({ apply_GS: orthogonal }, { path }, find) {
    const units = unitVectors(find('hra_u'), orthogonal);
    return [{ kind: 'weightFunction', path, weight: (frozen) => mirror(frozen, units).sub(frozen) }];
  },
});
