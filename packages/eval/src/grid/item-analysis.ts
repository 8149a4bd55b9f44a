import { evaluateMetrics, type MetricName } from '@tfjs-peft/glue-fewshot';
import { mean } from 'simple-statistics';
import type { ItemRecords } from '../records/trial-records.js';
import { type BootstrapEstimate, hierarchicalBootstrap, meanOf } from '../statistics/bootstrap.js';
import { type Calibration, calibration } from '../statistics/calibration.js';
import { groupBy } from '../statistics/group-by.js';
import { holm } from '../statistics/holm.js';
import { mcNemar } from '../statistics/mcnemar.js';
import { isPair } from '../statistics/pair-units.js';
import { type VarianceComponents, varianceComponents } from '../statistics/variance-components.js';
import { argmaxRows, softmax } from '../trial/softmax.js';
import type { CellResults } from './grid-folder.js';
import type { RecordedRun } from './recorded-runs.js';

/** What the items of a cell say of an arm. */
export interface ItemAnalysis {
  readonly cell: string;
  readonly method: string;
  /** Mean over the runs; null for a regression, and where no row has finite logits. */
  readonly calibration: Calibration | null;
  /** Of accuracy in points; null for a regression or an unbalanced design. */
  readonly variance: VarianceComponents | null;
  /** Difference of the headline metric to the first reference over new splits and new items; null where it is the reference itself or not paired. */
  readonly difference: BootstrapEstimate | null;
  /** Run against run of the first reference by McNemar's exact test; null for a regression, the reference itself, or without pairs. */
  readonly runs: RunPairs | null;
}

/** Pairs of runs on the same split and training seed, where a floor serves for all seeds: on how many the arm, or the reference, is right on more items, Holm-corrected over the pairs. */
export interface RunPairs {
  readonly pairs: number;
  readonly better: number;
  readonly worse: number;
}

/** Calibration, components of variance and the difference to a reference of each arm of a cell, from its items. */
export function analyseItems(
  { cell }: CellResults,
  runs: readonly RecordedRun[],
  reference: string | undefined,
): ItemAnalysis[] {
  const withItems = runs.filter(({ item }) => item !== undefined);
  const byMethod = groupBy(withItems, ({ result }) => result.method);
  const base = reference === undefined ? undefined : byMethod.get(reference);
  return [...byMethod].map(([method, own]) => ({
    cell: cell.id,
    method,
    calibration: meanCalibration(own),
    variance: varianceOf(own),
    difference: base && method !== reference ? itemDifference(own, base) : null,
    runs: base && method !== reference ? runPairs(own, base) : null,
  }));
}

function meanCalibration(runs: readonly RecordedRun[]): Calibration | null {
  if (runs[0]!.regression) return null;
  const each = runs
    .map(({ item }) => calibration(softmax(item!.logits, item!.columns), item!.labels))
    .filter(({ brier }) => !Number.isNaN(brier));
  if (each.length === 0) return null;
  return {
    expectedError: mean(each.map((one) => one.expectedError)),
    brier: mean(each.map((one) => one.brier)),
  };
}

const rightOf = ({ item }: RecordedRun) => {
  const predicted = argmaxRows(item!.logits, item!.columns);
  return Float64Array.from(item!.labels, (label, row) => (label === predicted[row] ? 100 : 0));
};

const byData = (runs: readonly RecordedRun[]) => groupBy(runs, ({ result }) => result.dataSeed);

function varianceOf(runs: readonly RecordedRun[]): VarianceComponents | null {
  if (runs[0]!.regression) return null;
  const values = [...byData(runs).values()].map((group) => group.map(rightOf));
  const [first] = values;
  const balanced = values.every(
    (group) => group.length === first!.length && group.every((run) => run.length === first![0]!.length),
  );
  // One row has no spread over items.
  const isEnough = values.length > 1 && first![0]!.length > 1;
  return isEnough && balanced ? varianceComponents(values) : null;
}

const sameItems = (a: ItemRecords, b: ItemRecords) =>
  a.rows.length === b.rows.length && a.rows.every((row, index) => row === b.rows[index]);

/** Tests run against run. */
function runPairs(own: readonly RecordedRun[], base: readonly RecordedRun[]): RunPairs | null {
  if (own[0]!.regression) return null;
  const tests = own.flatMap((run) => {
    const others = base.filter(({ result, item }) => isPair(run.result, result) && sameItems(run.item!, item!));
    return others.map((other) => mcNemar(isRight(run), isRight(other)));
  });
  if (tests.length === 0) return null;
  const separated = holm(tests.map(({ pValue }) => pValue)).map((result) => result.separated);
  const better = tests.filter(({ onlyFirst, onlySecond }, index) => separated[index] && onlyFirst > onlySecond).length;
  return { pairs: tests.length, better, worse: separated.filter(Boolean).length - better };
}

const isRight = (run: RecordedRun): boolean[] => Array.from(rightOf(run), (points) => points > 0);

/** By data seed, the runs of both that have a partner, each a mean over training seeds. Null where items differ or the metric is no single one. */
function itemDifference(own: readonly RecordedRun[], base: readonly RecordedRun[]): BootstrapEstimate | null {
  const paired = (runs: readonly RecordedRun[], others: readonly RecordedRun[]) =>
    byData(runs.filter(({ result }) => others.some((other) => isPair(result, other.result))));
  const right = paired(base, own);
  const pairs = [...paired(own, base)].map(([seed, left]) => [left, right.get(seed)!] as const);
  const first = own[0]!.item!;
  if (pairs.length === 0 || pairs.flat(2).some(({ item }) => !sameItems(first, item!))) return null;
  const { headlineMetric } = own[0]!.result;
  const size = { clusters: pairs.length, items: first.rows.length };
  if (headlineMetric === 'accuracy') {
    const rows = pairs.map(([left, right]) => {
      const [a, b] = [left.map(rightOf), right.map(rightOf)];
      return Float64Array.from(
        { length: size.items },
        (_, item) => mean(a.map((run) => run[item]!)) - mean(b.map((run) => run[item]!)),
      );
    });
    return hierarchicalBootstrap({ ...size, statistic: meanOf(rows), draws: 500 });
  }
  if (headlineMetric.includes(' ')) return null;
  const scored = (run: RecordedRun) => {
    const { item, regression } = run;
    const predictions: ArrayLike<number> = regression ? item!.logits : argmaxRows(item!.logits, item!.columns);
    return (items: ArrayLike<number>) =>
      evaluateMetrics(
        { metrics: [headlineMetric as MetricName], headline: headlineMetric as MetricName },
        Array.from(items, (at) => predictions[at]!),
        Array.from(items, (at) => item!.labels[at]!),
      ).headline;
  };
  const scores = pairs.map(([left, right]) => [left.map(scored), right.map(scored)] as const);
  return hierarchicalBootstrap({
    ...size,
    draws: 200,
    statistic: (clusters, items) =>
      mean(
        Array.from(clusters, (at) => {
          const [left, right] = scores[at]!;
          return mean(left.map((score) => score(items))) - mean(right.map((score) => score(items)));
        }),
      ),
  });
}
