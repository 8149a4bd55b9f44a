import { PeftError } from '@tfjs-peft/peft-core';
import { mean } from 'simple-statistics';
import { pairedDifference, type PairedDifference } from './paired-difference.js';

/** What one combination of factors gave on one unit, such as a data split of a task. */
export interface FactorialCell {
  readonly unit: string;
  /** Whether each factor is there, in the order of the factors. */
  readonly levels: readonly boolean[];
  readonly value: number;
}

/** A main effect (one factor) or an interaction (several), with its interval over units. */
export interface FactorialEffect extends Omit<PairedDifference, 'verdict'> {
  readonly factors: readonly string[];
}

/**
 * Main effects and interactions of a two-level full factorial design. An effect is the mean where the product of the signs of its factors is
 * +1 minus the mean where it is -1, within each unit, so that the units are the pairs. Units without all combinations are left out.
 * Errors: `DESIGN_UNBALANCED` where none is complete or one has a combination twice.
 */
export function factorialEffects(
  factors: readonly string[],
  cells: readonly FactorialCell[],
  alpha = 0.05,
): FactorialEffect[] {
  const units = new Map<string, Map<number, number>>();
  const maskOf = (levels: readonly boolean[]) => levels.reduce((mask, on, index) => mask | (Number(on) << index), 0);
  for (const { unit, levels, value } of cells) {
    const own = units.get(unit) ?? new Map<number, number>();
    const mask = maskOf(levels);
    if (own.has(mask) || levels.length !== factors.length)
      throw unbalanced(`"${unit}" with one combination twice, or of other factors`);
    units.set(unit, own.set(mask, value));
  }
  const combinations = 2 ** factors.length;
  const complete = [...units.values()].filter(({ size }) => size === combinations);
  if (complete.length === 0) throw unbalanced('no unit with all combinations');
  const effects = Array.from({ length: combinations - 1 }, (_, index) => index + 1);
  const order = (mask: number) => [...mask.toString(2)].filter((bit) => bit === '1').length;
  return effects
    .sort((a, b) => order(a) - order(b) || a - b)
    .map((effect) => {
      const halves = complete.map((own) => {
        const [plus, minus] = [[] as number[], [] as number[]];
        own.forEach((value, mask) => ((order(effect) - order(effect & mask)) % 2 === 0 ? plus : minus).push(value));
        return [mean(plus), mean(minus)] as const;
      });
      const { verdict: _, ...difference } = pairedDifference(
        halves.map(([plus]) => plus),
        halves.map(([, minus]) => minus),
        alpha,
      );
      return { factors: factors.filter((_name, index) => (effect >> index) & 1), ...difference };
    });
}

const unbalanced = (found: string) =>
  new PeftError('DESIGN_UNBALANCED', {
    found,
    expected: 'every combination of the factors once a unit',
    fix: 'run the combinations that are missing',
  });
