import { mean, sampleStandardDeviation } from 'simple-statistics';
import { studentTQuantile } from './student-t.js';

/** Both ends of a confidence interval. */
export type Interval = readonly [low: number, high: number];

/** A sample in four numbers. */
export interface Summary {
  /** Number of values; 0 gives a mean of NaN. */
  readonly n: number;
  readonly mean: number;
  /** With n - 1 in the denominator; null for n < 2. */
  readonly standardDeviation: number | null;
  /**
   * Student t interval of the mean. Null for n < 2 and for equal values: neither says how much the next value would differ; and where a value is
   * not a finite number.
   */
  readonly interval: Interval | null;
}

/** Mean, sample standard deviation and t interval of confidence `1 - alpha` (95 % unless told). */
export function summarise(values: readonly number[], alpha = 0.05): Summary {
  const n = values.length;
  if (n === 0) return { n, mean: NaN, standardDeviation: null, interval: null };
  const centre = mean([...values]);
  if (n === 1) return { n, mean: centre, standardDeviation: null, interval: null };
  const deviation = isConstant(values) ? 0 : sampleStandardDeviation([...values]);
  if (!(deviation > 0)) return { n, mean: centre, standardDeviation: deviation, interval: null };
  const half = (studentTQuantile(1 - alpha / 2, n - 1) * deviation) / Math.sqrt(n);
  return { n, mean: centre, standardDeviation: deviation, interval: [centre - half, centre + half] };
}

/** Equal up to the rounding of the metrics: a spread of 1e-9 of the largest value is none. */
export const isConstant = (values: readonly number[]): boolean => {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return Number.isFinite(high - low) && high - low <= 1e-9 * Math.max(1e-300, Math.abs(low), Math.abs(high));
};
