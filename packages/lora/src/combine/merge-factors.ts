import { createStream, PeftError, type Stream, substream } from '@tfjs-peft/peft-core';
import type { CombineOptions } from '@tfjs-peft/peft-core/authoring';
import { besides, type Matrix, matrix, multiply, scaled, stacked, transpose } from '../linear-algebra/matrix.js';
import { singularFactors, truncate } from '../linear-algebra/singular-values.js';
import { thinQr } from '../linear-algebra/thin-qr.js';
import { largestRank } from '../config.js';
import { mergeValues } from './merge-values.js';
import type { MergeRule, Strategy } from './strategies.js';

/** What one adapter does at one path, `scale · down · up`, and its weight in the combination. */
export interface WeightedFactors {
  /** `[inputs, rank]` */
  readonly down: Matrix;
  /** `[rank, outputs]` */
  readonly up: Matrix;
  readonly weight: number;
  readonly scale: number;
}

export type Factors = Pick<WeightedFactors, 'down' | 'up'>;

/**
 * The factors, with scale 1, that stand for those of all members at one path. Errors: `COMBINE_MISMATCH` for ranks that differ,
 * `COMBINE_OPTION_INVALID` for ranks that add up to more than a configuration may say.
 */
export function mergeFactors(
  { on, rule }: Strategy,
  members: readonly WeightedFactors[],
  path: string,
  { rank, density = 1, seed = 0 }: CombineOptions & { readonly rank: number },
): Factors {
  const options = { density, stream: substream(createStream(seed), 'combine', path) };
  if (on === 'stack') {
    requireSavableRank(members, path);
    return stack(members);
  }
  if (on === 'factors') return mergeEach(rule, members, path, options);
  return rule === 'sum' ? factorSum(members, rank) : factorMerged(rule, members, rank, options);
}

/** Exact: `Σ weight · scale · down · up` is the product of the scaled factors side by side and one below the other. */
const stack = (members: readonly WeightedFactors[]): Factors => ({
  down: besides(members.map(({ down, weight, scale }) => scaled(down, weight * scale))),
  up: stacked(members.map(({ up }) => up)),
});

function requireSavableRank(members: readonly WeightedFactors[], path: string): void {
  const sum = members.reduce((total, { down }) => total + down.columns, 0);
  if (sum <= largestRank) return;
  throw new PeftError('COMBINE_OPTION_INVALID', {
    found: `ranks that add up to ${sum} at ${path} with strategy "cat"`,
    expected: `at most ${largestRank}, the largest rank of a LoRA`,
    fix: 'use strategy "svd" with a `rank`',
  });
}

/** Each factor by itself, with the root of weight · scale in both and its sign in one. */
function mergeEach(
  rule: MergeRule,
  members: readonly WeightedFactors[],
  path: string,
  { density, stream }: { readonly density: number; readonly stream: Stream },
): Factors {
  const ranks = [...new Set(members.map(({ down }) => down.columns))];
  if (ranks.length > 1)
    throw new PeftError('COMBINE_MISMATCH', {
      found: `ranks ${ranks.join(' and ')} at ${path}`,
      expected: 'one rank: this strategy works on each factor by itself',
      fix: 'use "cat" or a strategy whose name ends with "svd"',
    });
  const root = ({ weight, scale }: WeightedFactors) => Math.sqrt(Math.abs(weight * scale));
  const sign = ({ weight, scale }: WeightedFactors) => (weight * scale < 0 ? -1 : 1);
  const merge = (factor: 'down' | 'up', weightOf: (member: WeightedFactors) => number): Matrix => {
    const { rows, columns } = members[0]![factor];
    const weighted = members.map((member) => ({ values: member[factor].data, weight: weightOf(member) }));
    return matrix(rows, columns, mergeValues(rule, weighted, { density, stream: substream(stream, factor) }));
  };
  return {
    down: merge('down', (member) => root(member) * sign(member)),
    up: merge('up', root),
  };
}

/**
 * The best approximation of `Σ weight · scale · down · up`, found without ever making it: with D = q₁ r₁ the scaled `down`s side by side and U the `up`s,
 * Uᵀ = q₂ r₂, the sum is q₁ (r₁ r₂ᵀ) q₂ᵀ, and the matrix in the middle is no larger than the sum of the ranks.
 */
function factorSum(members: readonly WeightedFactors[], rank: number): Factors {
  const { down, up } = stack(members);
  const [first, second] = [thinQr(down), thinQr(transpose(up))];
  const { left, right } = truncate(singularFactors(multiply(second.r, transpose(first.r))), rank);
  return { down: multiply(first.q, right), up: transpose(multiply(second.q, left)) };
}

/** The best approximation of the products, merged value by value: these have full rank, so that this takes a decomposition of their size. */
function factorMerged(
  rule: MergeRule,
  members: readonly WeightedFactors[],
  rank: number,
  { density, stream }: { readonly density: number; readonly stream: Stream },
): Factors {
  const weighted = members.map(({ down, up, weight, scale }) => ({
    values: scaled(multiply(down, up), scale).data,
    weight,
  }));
  const merged = matrix(
    members[0]!.down.rows,
    members[0]!.up.columns,
    mergeValues(rule, weighted, { density, stream: substream(stream, 'delta') }),
  );
  const { left, right } = truncate(singularFactors(transpose(merged)), rank);
  return { down: right, up: transpose(left) };
}
