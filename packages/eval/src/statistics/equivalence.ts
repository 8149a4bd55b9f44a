import { PeftError } from '@tfjs-peft/peft-core';
import { studentTCumulative } from './student-t.js';
import { type Interval, summarise } from './summarise.js';

/** Whether two methods are as good as equal. */
export interface Equivalence {
  readonly margin: number;
  readonly mean: number;
  /** The larger of the two one-sided p-values; null for fewer than two differences, and where one is not a finite number. */
  readonly pValue: number | null;
  /** Of confidence `1 - 2 alpha`: it lies inside the margin exactly where the two are equivalent. */
  readonly interval: Interval | null;
  readonly equivalent: boolean;
}

/**
 * Two one-sided paired t tests (Schuirmann 1987): that the mean difference lies between `-margin` and `margin`. "Not separated" says that two
 * methods may be equal, this says that they are, up to the margin. Differences that are all equal and within it are. Errors: `MARGIN_INVALID`.
 */
export function equivalence(differences: readonly number[], margin: number, alpha = 0.05): Equivalence {
  if (!(margin > 0))
    throw new PeftError('MARGIN_INVALID', { found: `a margin of ${margin}`, expected: 'a number above 0' });
  const { n, mean, standardDeviation, interval } = summarise(differences, 2 * alpha);
  if (standardDeviation === null || !Number.isFinite(standardDeviation))
    return { margin, mean, pValue: null, interval: null, equivalent: false };
  if (interval === null) {
    const equivalent = Math.abs(mean) < margin;
    return { margin, mean, pValue: equivalent ? 0 : 1, interval: [mean, mean], equivalent };
  }
  const error = standardDeviation / Math.sqrt(n);
  const above = 1 - studentTCumulative((mean + margin) / error, n - 1);
  const below = studentTCumulative((mean - margin) / error, n - 1);
  const pValue = Math.max(above, below);
  return { margin, mean, pValue, interval, equivalent: pValue < alpha };
}
