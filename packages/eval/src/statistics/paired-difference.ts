import { PeftError } from '@tfjs-peft/peft-core';
import { isConstant, summarise, type Summary } from './summarise.js';
import { studentTTwoSided } from './student-t.js';
import { wilcoxonSignedRank } from './wilcoxon.js';

/** What the data say of a method against its reference. */
export type Verdict = 'better' | 'worse' | 'not separated';

/** The differences of two methods on the same splits, and whether they separate the two. */
export interface PairedDifference extends Summary {
  /** Two-sided paired t test. Null where no interval can be given (fewer than two pairs, equal differences, a value that is not a finite number). */
  readonly pValue: number | null;
  /** Two-sided exact Wilcoxon signed-rank test; null for fewer than two pairs and where a value is not a finite number. With n pairs it is never below 2^(1 - n). */
  readonly wilcoxonP: number | null;
  /** Of `a` against `b`: "not separated" unless the interval excludes zero. */
  readonly verdict: Verdict;
}

/**
 * `a[i] - b[i]` over pairs measured on identical splits: mean difference, t interval of confidence `1 - alpha`, tests and verdict. One
 * comparison alone; for several against each other use `compareMethods`, which corrects for their number. Errors: `PAIRS_MISMATCH`.
 */
export function pairedDifference(a: readonly number[], b: readonly number[], alpha = 0.05): PairedDifference {
  if (a.length !== b.length)
    throw new PeftError('PAIRS_MISMATCH', {
      found: `${a.length} and ${b.length} values`,
      expected: 'as many values on both sides, in the same order of splits and seeds',
    });
  const differences = a.map((value, index) => value - b[index]!);
  const level = Math.max(...[...a, ...b].map(Math.abs), 1);
  // Two metrics near 80 that differ by 1.0 differ by 0.9999999999999: judge equality on the scale of the metrics.
  const equal = isConstant(differences.map((value) => value + 2 * level));
  const summary = summarise(differences, alpha);
  const interval = equal ? null : summary.interval;
  const tested = differences.length > 1 && differences.every(Number.isFinite);
  const wilcoxonP = tested ? wilcoxonSignedRank(differences) : null;
  if (interval === null) return { ...summary, interval: null, pValue: null, wilcoxonP, verdict: 'not separated' };
  const t = summary.mean / (summary.standardDeviation! / Math.sqrt(summary.n));
  return {
    ...summary,
    interval,
    pValue: studentTTwoSided(t, summary.n - 1),
    wilcoxonP,
    verdict: interval[0] > 0 ? 'better' : interval[1] < 0 ? 'worse' : 'not separated',
  };
}
