import { PeftError } from '@tfjs-peft/peft-core';
import { groupBy } from '../statistics/group-by.js';
import type { GridConfig } from './grid-config.js';

/** The arms of a two-level design. */
export interface FactorDesign {
  readonly factors: readonly string[];
  /** Of each arm whether it has each factor, in the order of the factors. */
  readonly levels: ReadonlyMap<string, readonly boolean[]>;
  /** Arms without a factor beside the one that is the design's. */
  readonly leftOut: readonly string[];
  /** Combinations that no arm has. */
  readonly lacking: readonly string[];
}

/**
 * Finds the design in the trained arms of a grid. An arm that no factor names has none of them; of several such arms the first reference among
 * them is the design's, and the others are left out of it. Errors: `DESIGN_UNBALANCED` where two arms have one combination.
 */
export function factorDesign(
  named: NonNullable<GridConfig['factors']>,
  trained: readonly string[],
  references: readonly string[],
): FactorDesign {
  const factors = Object.keys(named);
  const levelsOf = (arm: string) => factors.map((factor) => named[factor]!.includes(arm));
  const describe = (levels: readonly boolean[]) =>
    factors.filter((_, index) => levels[index]).join(' and ') || 'none of the factors';
  const levels = new Map<string, readonly boolean[]>();
  const leftOut: string[] = [];
  for (const [combination, arms] of groupBy(trained, (arm) => describe(levelsOf(arm)))) {
    const isPlain = !levelsOf(arms[0]!).includes(true);
    const one = arms.length === 1 ? arms[0] : isPlain ? references.find((name) => arms.includes(name)) : undefined;
    if (one === undefined)
      throw new PeftError('DESIGN_UNBALANCED', {
        found: `several arms with ${combination}: ${arms.join(', ')}`,
        expected: 'one arm for each combination of the factors',
        fix: isPlain
          ? 'name the one without factors in `references`: the others stay out of the design'
          : 'take the others out of `factors`',
      });
    levels.set(one, levelsOf(one));
    leftOut.push(...arms.filter((arm) => arm !== one));
  }
  const all = Array.from({ length: 2 ** factors.length }, (_, mask) =>
    factors.map((_factor, bit) => ((mask >> bit) & 1) === 1),
  );
  const there = new Set([...levels.values()].map(describe));
  return { factors, levels, leftOut, lacking: all.map(describe).filter((combination) => !there.has(combination)) };
}
