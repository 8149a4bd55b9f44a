import { PeftError } from '@tfjs-peft/peft-core';

/** Kendall's tau-b, which corrects for ties; null where one side is constant. Errors: `PAIRS_MISMATCH`. */
export function kendallTau(a: readonly number[], b: readonly number[]): number | null {
  if (a.length !== b.length)
    throw new PeftError('PAIRS_MISMATCH', {
      found: `${a.length} and ${b.length} values`,
      expected: 'as many values on both sides',
    });
  let [score, left, right] = [0, 0, 0];
  for (let i = 0; i < a.length; i++)
    for (let j = 0; j < i; j++) {
      const [x, y] = [Math.sign(a[i]! - a[j]!), Math.sign(b[i]! - b[j]!)];
      score += x * y;
      left += Math.abs(x);
      right += Math.abs(y);
    }
  return left > 0 && right > 0 ? score / Math.sqrt(left * right) : null;
}

/** How well a development trace chooses and orders the states of one run. */
export interface TraceQuality {
  /** Best test metric of all evaluated states minus that of the chosen one: 0 at best. */
  readonly regret: number;
  /** Index of the chosen state. */
  readonly chosen: number;
  /** Of both traces; null where one is constant. */
  readonly tau: number | null;
}

/**
 * Validation regret and Kendall tau of a run, from the traces of its development and test metrics over the same evaluations. The first of
 * equal development values is chosen, as in training. Null for no evaluation. Errors: `PAIRS_MISMATCH`.
 */
export function traceQuality(dev: readonly number[], test: readonly number[]): TraceQuality | null {
  const tau = kendallTau(dev, test);
  if (dev.length === 0) return null;
  const chosen = dev.reduce((best, value, index) => (value > dev[best]! ? index : best), 0);
  return { regret: Math.max(...test) - test[chosen]!, chosen, tau };
}
