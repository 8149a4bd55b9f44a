import { type Stream, substream } from '@tfjs-peft/peft-core';
import { uniforms } from '@tfjs-peft/peft-core/authoring';
import type { MergeRule } from './strategies.js';

/** Values of one adapter and their weight. */
export interface WeightedValues {
  readonly values: Float64Array;
  readonly weight: number;
}

export interface PruneOptions {
  /** Share of the values that is kept. */
  readonly density: number;
  /** Of random pruning; each adapter draws from a stream of its own. */
  readonly stream: Stream;
}

/** Merges values of equal length by a rule. All work is in double precision. */
export function mergeValues(
  rule: MergeRule,
  members: readonly WeightedValues[],
  { density, stream }: PruneOptions,
): Float64Array {
  const pruned = (prune: (values: Float64Array, index: number) => Float64Array) =>
    members.map(({ values, weight }, index) => ({ values: density >= 1 ? values : prune(values, index), weight }));
  const atRandom = (values: Float64Array, index: number) => pruneAtRandom(values, density, substream(stream, index));
  const small = (values: Float64Array) => pruneSmall(values, density);
  switch (rule) {
    case 'sum':
      return weightedSum(members);
    case 'prunedSum':
      return weightedSum(pruned(small));
    case 'ties':
      return mergeByMajority(pruned(small));
    case 'dareSum':
      return weightedSum(pruned(atRandom));
    case 'dareTies':
      return mergeByMajority(pruned(atRandom));
  }
}

function weightedSum(members: readonly WeightedValues[]): Float64Array {
  const sum = new Float64Array(members[0]!.values.length);
  for (const { values, weight } of members) for (let i = 0; i < sum.length; i++) sum[i]! += weight * values[i]!;
  return sum;
}

/** All but the ⌊density · n⌋ values that are largest in magnitude become zero (TIES: Yadav et al. 2023, arXiv 2306.01708, section 3). */
export function pruneSmall(values: Float64Array, density: number): Float64Array {
  const kept = Math.floor(density * values.length);
  const order = Uint32Array.from(values, (_, index) => index).sort(
    (a, b) => Math.abs(values[b]!) - Math.abs(values[a]!),
  );
  const out = new Float64Array(values.length);
  for (const index of order.subarray(0, kept)) out[index] = values[index]!;
  return out;
}

/** Each value is kept with probability `density` and then divided by it (DARE: Yu et al. 2024, arXiv 2311.03099, section 3.2). */
export function pruneAtRandom(values: Float64Array, density: number, stream: Stream): Float64Array {
  const draws = uniforms(stream, values.length);
  return values.map((value, index) => (draws[index]! < density ? value / density : 0));
}

/**
 * TIES' choice of signs and disjoint mean: of each value, the adapters whose sign is that of the unweighted sum (plus if it is zero) give
 * their weighted mean; zeros agree with nobody.
 */
function mergeByMajority(members: readonly WeightedValues[]): Float64Array {
  const out = new Float64Array(members[0]!.values.length);
  for (let i = 0; i < out.length; i++) {
    let total = 0;
    for (const { values } of members) total += values[i]!;
    const sign = total >= 0 ? 1 : -1;
    let [sum, count] = [0, 0];
    for (const { values, weight } of members) {
      if (Math.sign(values[i]!) !== sign) continue;
      sum += weight * values[i]!;
      count++;
    }
    out[i] = sum / Math.max(count, 1);
  }
  return out;
}
