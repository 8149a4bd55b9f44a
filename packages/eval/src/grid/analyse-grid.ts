import { openColumnReader } from '../records/column-reader.js';
import { compareMethods } from '../statistics/compare-methods.js';
import type { ComparisonTable } from '../statistics/comparison-table.js';
import type { FactorialEffect } from '../statistics/factorial.js';
import { headlineOf } from '../statistics/pair-units.js';
import {
  type ArmRanks,
  effectsOf,
  type OverallDifference,
  overallDifferences,
  type ParetoEntry,
  paretoOf,
  ranksOf,
} from './arm-comparisons.js';
import type { ArmResult, CellResults, StoredGrid } from './grid-folder.js';
import { analyseItems, type ItemAnalysis } from './item-analysis.js';
import { readCell } from './recorded-runs.js';
import { referencesOf } from './references-of.js';
import { type RuleQuality, ruleQualities, type RunTrace, traceOf } from './selection-quality.js';

/** All that a report shows of a grid; plain data. */
export interface GridAnalysis {
  readonly cells: readonly {
    readonly id: string;
    readonly task: string;
    readonly model: string;
    readonly shots: number;
    readonly table: ComparisonTable | null;
    readonly missing: number;
  }[];
  /** All cells as one; null as long as there is no result. */
  readonly overall: ComparisonTable | null;
  readonly differences: readonly OverallDifference[];
  readonly ranks: ArmRanks | null;
  readonly rules: readonly RuleQuality[];
  readonly items: readonly ItemAnalysis[];
  readonly traces: readonly RunTrace[];
  /** Main effects and interactions of the grid's factors over all cells and data splits; empty without factors or a whole unit. */
  readonly effects: readonly FactorialEffect[];
  /** Arms that are left out of the factors' design, and why there are no effects. */
  readonly effectNotes: readonly string[];
  readonly pareto: readonly ParetoEntry[];
  /** Files of records that could not be read, with the reason: their trials are left out of what needs them. */
  readonly damaged: readonly string[];
}

/** Recomputes everything from the summaries and records of a grid, without training. Errors: those of `compareMethods`. */
export async function analyseGrid(grid: StoredGrid, cells: readonly CellResults[]): Promise<GridAnalysis> {
  const references = referencesOf(grid);
  const reader = openColumnReader();
  const damaged = cells.flatMap((cell) => cell.damaged);
  try {
    const rules: RuleQuality[] = [];
    const items: ItemAnalysis[] = [];
    const traces: RunTrace[] = [];
    for (const cell of cells) {
      const found = await readCell(reader, cell, (why) => damaged.push(why));
      traces.push(...found.flatMap(traceOf));
      rules.push(...ruleQualities(cell, found));
      items.push(...analyseItems(cell, found, references[0]));
    }
    const joined = joinCells(cells);
    const overall =
      joined.results.length > 0
        ? compareMethods(joined.results, { planned: joined.planned, references: known(references, joined.planned) })
        : null;
    const { effects, notes: effectNotes } = effectsOf(grid, joined.results);
    return {
      cells: cells.map(({ cell: { id, task, model, shots }, results, planned }) => ({
        id,
        task,
        model,
        shots,
        missing: planned.length - results.filter((one) => headlineOf(one) !== null).length,
        table: results.some((one) => headlineOf(one) !== null)
          ? compareMethods(results, { planned, references: known(references, planned) })
          : null,
      })),
      overall,
      differences: overall
        ? overallDifferences(joined.results, known(references, joined.planned), grid.config.margin, joined.planned)
        : [],
      ranks: ranksOf(cells),
      rules,
      items,
      traces,
      effects,
      effectNotes,
      pareto: overall ? paretoOf(joined.results) : [],
      damaged,
    };
  } finally {
    reader.close();
  }
}

const known = (references: readonly string[], planned: readonly { readonly method: string }[]) =>
  references.filter((name) => planned.some(({ method }) => method === name));

/** Every (cell, data seed) as a data seed of its own, so that pairs are made within cells alone. */
function joinCells(cells: readonly CellResults[]) {
  const seedOf = (index: number, seed: number) => index * 2 ** 32 + seed;
  return {
    results: cells.flatMap(({ results }, index) =>
      results.map((one) => ({ ...one, dataSeed: seedOf(index, one.dataSeed), ...underOneName(one) })),
    ),
    planned: cells.flatMap(({ planned }, index) =>
      planned.map((one) => ({ ...one, dataSeed: seedOf(index, one.dataSeed) })),
    ),
  };
}

/** The headline split of each task under one name, since tasks name theirs differently. */
function underOneName({ test, headlineSplit }: ArmResult): Pick<ArmResult, 'test' | 'headlineSplit'> {
  const headline = test[headlineSplit];
  return { test: headline ? { test: headline } : {}, headlineSplit: 'test' };
}
