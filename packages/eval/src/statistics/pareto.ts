import { createStream, PeftError } from '@tfjs-peft/peft-core';
import { resample } from './resample.js';

/** A method with its scores on the same units and what it costs. */
export interface ParetoCandidate {
  readonly name: string;
  /** One a unit, in one order for all; larger is better. */
  readonly scores: readonly number[];
  /** Parameters, bytes, seconds: smaller is better. */
  readonly costs: readonly number[];
}

/**
 * For each candidate the share of resamples of the units in which no other is at least as good in score and in every cost and better in one. A
 * front of means alone is a line through noise. NaN for a candidate of which a number is not one: it beats none. Errors: `PAIRS_MISMATCH`.
 */
export function paretoProbability(
  candidates: readonly ParetoCandidate[],
  { draws = 2000, seed = 0 }: { readonly draws?: number; readonly seed?: number } = {},
): number[] {
  const units = candidates[0]?.scores.length ?? 0;
  if (units === 0 || candidates.some(({ scores }) => scores.length !== units))
    throw new PeftError('PAIRS_MISMATCH', {
      found: candidates.map(({ name, scores }) => `${scores.length} scores of ${name}`).join(', '),
      expected: 'as many scores for each, of the same units in the same order',
    });
  const stream = createStream(`pareto ${seed}`);
  const isWhole = candidates.map(({ scores, costs }) => ![...scores, ...costs].some(Number.isNaN));
  const counts = candidates.map(() => 0);
  for (let draw = 0; draw < draws; draw++) {
    const chosen = resample(stream, draw, units, units);
    const means = candidates.map(({ scores }) => chosen.reduce((sum, unit) => sum + scores[unit]!, 0) / units);
    candidates.forEach(({ costs }, a) => {
      const beaten = candidates.some(
        (other, b) =>
          b !== a &&
          isWhole[b] &&
          means[b]! >= means[a]! &&
          other.costs.every((cost, index) => cost <= costs[index]!) &&
          (means[b]! > means[a]! || other.costs.some((cost, index) => cost < costs[index]!)),
      );
      if (!beaten) counts[a]!++;
    });
  }
  return counts.map((count, index) => (isWhole[index] ? count / draws : NaN));
}
