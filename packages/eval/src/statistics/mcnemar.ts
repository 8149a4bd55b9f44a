import { PeftError } from '@tfjs-peft/peft-core';
import { gammaln } from 'simple-statistics';

/** Two runs on the same items, counted. */
export interface McNemar {
  /** Items that only the first run has right, and only the second. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Two-sided exact binomial test of both being as likely; 1 where the runs agree everywhere. */
  readonly pValue: number;
}

/**
 * Exact test of McNemar for one pair of runs: whether one is right on more items than the other. It judges these two runs, not the methods
 * behind them. Errors: `PAIRS_MISMATCH`.
 */
export function mcNemar(first: readonly boolean[], second: readonly boolean[]): McNemar {
  if (first.length !== second.length)
    throw new PeftError('PAIRS_MISMATCH', {
      found: `${first.length} and ${second.length} items`,
      expected: 'the same items in the same order',
    });
  const onlyFirst = first.filter((right, item) => right && !second[item]).length;
  const onlySecond = first.filter((right, item) => !right && second[item]).length;
  return { onlyFirst, onlySecond, pValue: binomialTwoSided(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond) };
}

/** Twice P(X <= k) of X ~ Binomial(n, 1/2), at most 1; `k` is at most half of `n`. */
function binomialTwoSided(k: number, n: number): number {
  let sum = 0;
  for (let i = 0; i <= k; i++) sum += Math.exp(gammaln(n + 1) - gammaln(i + 1) - gammaln(n - i + 1) - n * Math.LN2);
  return Math.min(1, 2 * sum);
}
