import { PeftError } from '@tfjs-peft/peft-core';
import { errorFunction, gammaln } from 'simple-statistics';
import { studentTQuantile } from './student-t.js';

/** A planned paired comparison. */
export interface PowerOptions {
  /** Pairs, such as data splits. */
  readonly n: number;
  /** Of the paired differences. */
  readonly standardDeviation: number;
  /** Default 0.05; two-sided. */
  readonly alpha?: number;
  /** Default 0.8. */
  readonly power?: number;
}

const normal = (z: number) => 0.5 * (1 + errorFunction(z / Math.SQRT2));

/** Power of a two-sided paired t test for a mean difference `effect`; integrates over the estimated standard deviation. */
export function pairedTPower(
  effect: number,
  { n, standardDeviation, alpha = 0.05 }: Omit<PowerOptions, 'power'>,
): number {
  const df = n - 1;
  const critical = studentTQuantile(1 - alpha / 2, df);
  const shift = (effect / standardDeviation) * Math.sqrt(n);
  // s = sqrt(chi2 / df): P(|Z + shift| > critical s), weighted by the density of s.
  const constant = Math.log(2) + (df / 2) * Math.log(df / 2) - gammaln(df / 2);
  const density = (s: number) =>
    s === 0 ? (df === 1 ? Math.exp(constant) : 0) : Math.exp(constant + (df - 1) * Math.log(s) - (df * s * s) / 2);
  const beyond = (s: number) => normal(shift - critical * s) + normal(-shift - critical * s);
  // The density is narrow where there are many pairs: nothing of it lies elsewhere.
  const width = 12 / Math.sqrt(2 * df);
  const [steps, start, end] = [500, Math.max(0, 1 - width), 1 + width];
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const s = start + (i / steps) * (end - start);
    sum += (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) * density(s) * beyond(s);
  }
  return (sum * (end - start)) / steps / 3;
}

/**
 * The smallest mean difference that a paired t test finds with the given power: what a design can say before it is run.
 * Errors: `DESIGN_TOO_SMALL` for fewer than two pairs; `OPTION_INVALID`.
 */
export function minimumDetectableEffect(options: PowerOptions): number {
  const { n, standardDeviation, power = 0.8, alpha = 0.05 } = options;
  if (!(n >= 2))
    throw new PeftError('DESIGN_TOO_SMALL', {
      found: `${n} pairs`,
      expected: 'at least two: one pair says nothing of the next',
      fix: 'use more data seeds',
    });
  const isShare = (value: number) => value > 0 && value < 1;
  if (!(isShare(alpha) && power > alpha && power <= 0.9999 && Number.isFinite(standardDeviation)))
    throw new PeftError('OPTION_INVALID', {
      found: `a power of ${power} at the level ${alpha} and a standard deviation of ${standardDeviation}`,
      expected: 'a level between 0 and 1, a power above it and at most 0.9999, a finite deviation',
    });
  if (!(standardDeviation > 0)) return 0;
  let [low, high] = [0, standardDeviation];
  while (pairedTPower(high, options) < power) high *= 2;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (pairedTPower(middle, options) < power) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
