import { errorFunction } from 'simple-statistics';
import { averageRanks } from './ranks.js';

// Own code: simple-statistics has the rank-sum test alone, @stdlib/stats-wilcoxon takes the normal approximation where there are ties.

/** Up to this many non-zero differences the null distribution is enumerated; above, it is approximated by a normal one. */
const exactLimit = 50;

/**
 * Two-sided p-value of the Wilcoxon signed-rank test. Zero differences are dropped; tied sizes share the average rank, and the exact
 * distribution is the one over all sign patterns of those very ranks, so ties do not force an approximation. With no non-zero difference: 1;
 * NaN where one is not a finite number.
 */
export function wilcoxonSignedRank(differences: readonly number[]): number {
  if (!differences.every(Number.isFinite)) return NaN;
  const scale = Math.max(...differences.map(Math.abs), 0);
  // Differences of rounded percentages carry noise in the last bits that would break ties.
  const rounded = differences.map((value) => (scale === 0 ? 0 : Math.round((value / scale) * 1e10)));
  const nonZero = rounded.filter((value) => value !== 0);
  if (nonZero.length === 0) return 1;
  const doubledRanks = averageRanks(nonZero.map(Math.abs)).map((rank) => Math.round(2 * rank));
  const positive = sum(doubledRanks.filter((_, index) => nonZero[index]! > 0));
  const total = sum(doubledRanks);
  const smaller = Math.min(positive, total - positive);
  return nonZero.length <= exactLimit ? exact(doubledRanks, smaller) : approximate(doubledRanks, smaller);
}

/** Counts, rank by rank, in how many sign patterns the positive ranks add up to each sum (as shares, so that 2^50 fits). */
function exact(doubledRanks: readonly number[], smaller: number): number {
  const shares = new Float64Array(sum(doubledRanks) + 1);
  shares[0] = 1;
  let reached = 0;
  for (const rank of doubledRanks) {
    reached += rank;
    for (let at = reached; at >= 0; at--) shares[at] = (shares[at]! + (at >= rank ? shares[at - rank]! : 0)) / 2;
  }
  return Math.min(1, 2 * sum([...shares.subarray(0, smaller + 1)]));
}

function approximate(doubledRanks: readonly number[], smaller: number): number {
  const mean = sum(doubledRanks) / 4;
  const variance = sum(doubledRanks.map((rank) => (rank / 2) ** 2)) / 4;
  // 2 Phi(z) = 1 + erf(z / sqrt 2); the library's erf is good to 1.2e-7.
  return Math.min(1, 1 + errorFunction((smaller / 2 - mean) / Math.sqrt(2 * variance)));
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
