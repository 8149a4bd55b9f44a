import { isPeftError } from '@tfjs-peft/peft-core';
import { mean } from 'simple-statistics';
import { planComparisons } from '../statistics/compare-methods.js';
import type { PlannedTrial } from '../statistics/comparison-table.js';
import { type Equivalence, equivalence } from '../statistics/equivalence.js';
import { type FactorialEffect, factorialEffects } from '../statistics/factorial.js';
import { commonTrials, headlineOf, unitsOf, valuesByUnit } from '../statistics/pair-units.js';
import { paretoProbability } from '../statistics/pareto.js';
import { signFlipTest } from '../statistics/permutation-test.js';
import { rankStability, type RankStability } from '../statistics/rank-stability.js';
import { factorDesign } from './factor-design.js';
import type { ArmResult, CellResults, StoredGrid } from './grid-folder.js';
import { referencesOf } from './references-of.js';

/** One arm against one reference, over all that both have. */
export interface OverallDifference {
  readonly method: string;
  readonly reference: string;
  /** Of the pairs of the table of all cells: (cell, data seed), each the mean over the training seeds that both finished. */
  readonly differences: readonly number[];
  readonly equivalence: Equivalence;
  readonly signFlipP: number;
}

/** What an arm costs, and how often nothing beats it; over the runs of seeds that all arms finished. */
export interface ParetoEntry {
  readonly method: string;
  /** How many (cell, data seed) that is. */
  readonly units: number;
  readonly trainableParameters: number;
  readonly fileBytes: number;
  readonly secondsPerStep: number;
  /** Share of resamples of the units in which no other arm is as good in score and costs. */
  readonly probability: number;
}

/** Ranks of arms over cells. */
export type ArmRanks = RankStability & {
  /** All trained arms with a result. */
  readonly methods: readonly string[];
  readonly cells: number;
  /** Cells without results of all arms on common seeds. */
  readonly leftOut: readonly string[];
};

/** Each trained arm against each reference, each pair of arms once. */
export function overallDifferences(
  results: readonly ArmResult[],
  references: readonly string[],
  margin: number,
  planned: readonly PlannedTrial[] = results,
): OverallDifference[] {
  return planComparisons(results, { references, planned }).comparisons.map(({ method, reference, pairs }) => {
    const differences = pairs.map(([value, base]) => value - base);
    return {
      method,
      reference,
      differences,
      equivalence: equivalence(differences, margin),
      signFlipP: signFlipTest(differences),
    };
  });
}

const testedOf = (results: readonly ArmResult[]) =>
  results.filter((one) => one.kind === 'trained' && headlineOf(one) !== null);

const methodsOf = (results: readonly ArmResult[]) => [...new Set(results.map(({ method }) => method))];

/** How alike the arms rank in all cells that have each of them; null with fewer than two arms, or no such cell. */
export function ranksOf(cells: readonly CellResults[]): ArmRanks | null {
  const tested = cells.map(({ cell, results }) => ({ cell, results: testedOf(results) }));
  const methods = methodsOf(tested.flatMap(({ results }) => results));
  const scored = tested.map(({ cell, results }) => {
    const common = commonTrials(results, methods);
    const scores = methods.map((method) => [...valuesByUnit(common.get(method)!, unitsOf(results)).values()]);
    return { cell, scores };
  });
  const whole = scored.filter(({ scores }) => scores[0] !== undefined && scores[0].length > 0);
  if (methods.length < 2 || whole.length === 0) return null;
  return {
    ...rankStability(whole.map(({ scores }) => scores.map((values) => mean(values)))),
    methods,
    cells: whole.length,
    leftOut: scored.filter((one) => !whole.includes(one)).map(({ cell }) => cell.id),
  };
}

/** Effects of factors, and what must be said of their design. */
export interface FactorAnalysis {
  readonly effects: readonly FactorialEffect[];
  /** Arms that are left out, and why there are no effects. */
  readonly notes: readonly string[];
}

/** Main effects and interactions of the grid's factors, over the seeds that all arms of the design finished. */
export function effectsOf(grid: StoredGrid, results: readonly ArmResult[]): FactorAnalysis {
  const { factors = {} } = grid.config;
  if (Object.keys(factors).length === 0) return { effects: [], notes: [] };
  const trained = (grid.cells[0]?.arms ?? []).filter(({ kind }) => kind === 'trained').map(({ name }) => name);
  let design: ReturnType<typeof factorDesign>;
  try {
    design = factorDesign(factors, trained, referencesOf(grid));
  } catch (error) {
    // A grid that is planned has a design; a folder may hold an older one.
    if (!isPeftError(error)) throw error;
    return { effects: [], notes: [`No effects of factors: ${error.text.found}.`] };
  }
  const arms = [...design.levels.keys()];
  const plain = arms.find((arm) => !design.levels.get(arm)!.includes(true));
  const notes =
    design.leftOut.length > 0
      ? [`Factors: ${design.leftOut.join(', ')} left out; the arm without factors is ${plain}.`]
      : [];
  const without = (why: string): FactorAnalysis => ({
    effects: [],
    notes: [...notes, `No effects of factors: ${why}.`],
  });
  if (design.lacking.length > 0) return without(`no arm has ${design.lacking.join('; ')}`);
  const common = commonTrials(results, arms);
  const unit = unitsOf(results);
  const cells = arms.flatMap((arm) =>
    [...valuesByUnit(common.get(arm)!, unit)].map(([key, value]) => ({
      unit: String(key),
      levels: design.levels.get(arm)!,
      value,
    })),
  );
  if (cells.length === 0)
    return without(`${arms.join(', ')} have no data seed and training seed that all of them finished`);
  return { effects: factorialEffects(design.factors, cells), notes };
}

/** Costs of the arms, and how often nothing beats each; none with fewer than two arms, or without seeds that all of them finished. */
export function paretoOf(results: readonly ArmResult[]): ParetoEntry[] {
  const tested = testedOf(results);
  const methods = methodsOf(tested);
  const common = commonTrials(tested, methods);
  const unit = unitsOf(results);
  const entries = methods.map((method) => {
    const own = common.get(method)!;
    const meanOf = (pick: (one: ArmResult) => number) => (own.length > 0 ? mean(own.map(pick)) : NaN);
    return {
      method,
      scores: [...valuesByUnit(own, unit).values()],
      trainableParameters: meanOf((one) => one.trainableParameters),
      fileBytes: meanOf((one) => one.fileBytes),
      secondsPerStep: meanOf((one) => one.secondsPerStep),
    };
  });
  if (entries.length < 2 || entries[0]!.scores.length === 0) return [];
  const probabilities = paretoProbability(
    entries.map(({ method, scores, trainableParameters, fileBytes }) => ({
      name: method,
      scores,
      // Times of runs that share a machine are shown, and decide nothing.
      costs: [trainableParameters, fileBytes],
    })),
  );
  return entries.map(({ scores, ...entry }, index) => ({
    ...entry,
    units: scores.length,
    probability: probabilities[index]!,
  }));
}
