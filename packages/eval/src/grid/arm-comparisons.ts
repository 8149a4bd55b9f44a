import { isPeftError } from '@tfjs-peft/peft-core';
import { mean } from 'simple-statistics';
import { type Equivalence, equivalence } from '../statistics/equivalence.js';
import { type FactorialEffect, factorialEffects } from '../statistics/factorial.js';
import { groupBy } from '../statistics/group-by.js';
import { paretoProbability } from '../statistics/pareto.js';
import { signFlipTest } from '../statistics/permutation-test.js';
import { rankStability, type RankStability } from '../statistics/rank-stability.js';
import type { ArmResult, CellResults, StoredGrid } from './grid-folder.js';

/** One arm against one reference, over all cells and data seeds that both have. */
export interface OverallDifference {
  readonly method: string;
  readonly reference: string;
  /** Pairs: (cell, data seed), the mean over training seeds each. */
  readonly differences: readonly number[];
  readonly equivalence: Equivalence;
  readonly signFlipP: number;
}

/** What an arm costs, and how often nothing beats it. */
export interface ParetoEntry {
  readonly method: string;
  readonly trainableParameters: number;
  readonly fileBytes: number;
  readonly secondsPerStep: number;
  /** Share of resamples of the units in which no other arm is as good in score and costs. */
  readonly probability: number;
}

/** Ranks of arms over cells. */
export type ArmRanks = RankStability & { readonly methods: readonly string[]; readonly cells: number };

/** Each trained arm against each reference, by data seed. */
export function overallDifferences(
  results: readonly ArmResult[],
  references: readonly string[],
  margin: number,
): OverallDifference[] {
  const methods = [...new Set(results.filter(({ kind }) => kind === 'trained').map(({ method }) => method))];
  const meansOf = (method: string) =>
    meansBy(
      results.filter((one) => one.method === method),
      ({ dataSeed }) => dataSeed,
    );
  return references.flatMap((reference) => {
    const base = meansOf(reference);
    return methods
      .filter((method) => method !== reference)
      .map((method) => {
        const differences = [...meansOf(method)].flatMap(([seed, value]) =>
          base.has(seed) ? [value - base.get(seed)!] : [],
        );
        return {
          method,
          reference,
          differences,
          equivalence: equivalence(differences, margin),
          signFlipP: signFlipTest(differences),
        };
      });
  });
}

/** How alike the arms rank in all cells that have each of them; null with fewer than two arms, or no such cell. */
export function ranksOf(cells: readonly CellResults[]): ArmRanks | null {
  const means = cells.map(({ results }) =>
    meansBy(
      results.filter(({ kind }) => kind === 'trained'),
      ({ method }) => method,
    ),
  );
  const methods = [...(means[0]?.keys() ?? [])];
  const whole = means.filter((own) => methods.every((method) => own.has(method)));
  if (methods.length < 2 || whole.length === 0) return null;
  return {
    ...rankStability(whole.map((own) => methods.map((method) => own.get(method)!))),
    methods,
    cells: whole.length,
  };
}

/** Values of each arm by unit: a cell and data seed, the mean over training seeds. */
function unitsOf(results: readonly ArmResult[]): Map<string, Map<number, number>> {
  const tested = results.filter((one) => one.kind === 'trained' && headlineOf(one) !== undefined);
  return new Map(
    [...groupBy(tested, ({ method }) => method)].map(([method, own]) => [
      method,
      meansBy(own, ({ dataSeed }) => dataSeed),
    ]),
  );
}

/** The headline metric of a finished run. */
const headlineOf = ({ status, test, headlineSplit }: ArmResult): number | undefined =>
  status === 'done' ? test[headlineSplit]?.headline : undefined;

/** Means of the headline metric by a key of each run, over those that have one. */
const meansBy = <Key>(results: readonly ArmResult[], keyOf: (one: ArmResult) => Key): Map<Key, number> =>
  new Map(
    [
      ...groupBy(
        results.filter((one) => headlineOf(one) !== undefined),
        keyOf,
      ),
    ].map(([key, own]) => [key, mean(own.map((one) => headlineOf(one)!))]),
  );

/** Main effects and interactions of the grid's factors; empty without factors or a whole unit. */
export function effectsOf({ config: { factors = {} } }: StoredGrid, results: readonly ArmResult[]): FactorialEffect[] {
  const names = Object.keys(factors);
  if (names.length === 0) return [];
  const cells = [...unitsOf(results)].flatMap(([method, own]) =>
    [...own].map(([unit, value]) => ({
      unit: String(unit),
      levels: names.map((factor) => factors[factor]!.includes(method)),
      value,
    })),
  );
  try {
    return factorialEffects(names, cells);
  } catch (error) {
    // An unfinished grid has no whole unit yet.
    if (isPeftError(error) && error.code === 'DESIGN_UNBALANCED') return [];
    throw error;
  }
}

/** Costs of the arms, and how often nothing beats each. */
export function paretoOf(results: readonly ArmResult[]): ParetoEntry[] {
  const units = unitsOf(results);
  const common = [...(units.values().next().value?.keys() ?? [])].filter((unit) =>
    [...units.values()].every((own) => own.has(unit)),
  );
  if (units.size < 2 || common.length === 0) return [];
  const meanOfArm = (method: string, pick: (one: ArmResult) => number) =>
    mean(results.filter((one) => one.method === method && one.status === 'done').map(pick));
  const entries = [...units.keys()].map((method) => ({
    method,
    trainableParameters: meanOfArm(method, (one) => one.trainableParameters),
    fileBytes: meanOfArm(method, (one) => one.fileBytes),
    secondsPerStep: meanOfArm(method, (one) => one.secondsPerStep),
  }));
  const probabilities = paretoProbability(
    entries.map(({ method, trainableParameters, fileBytes }) => ({
      name: method,
      scores: common.map((unit) => units.get(method)!.get(unit)!),
      // Times of runs that share a machine are shown, and decide nothing.
      costs: [trainableParameters, fileBytes],
    })),
  );
  return entries.map((entry, index) => ({ ...entry, probability: probabilities[index]! }));
}
