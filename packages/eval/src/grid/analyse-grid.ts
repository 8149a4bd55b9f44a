import { evaluateMetrics, type MetricName } from '@tfjs-peft/glue-fewshot';
import { isPeftError } from '@tfjs-peft/peft-core';
import { type ColumnReader, openColumnReader } from '../records/column-reader.js';
import {
  type ItemRecords,
  midpointRule,
  readEvaluations,
  readItems,
  type RecordProvenance,
} from '../records/trial-records.js';
import { trialFiles } from '../records/trial-folder.js';
import { type BootstrapEstimate, hierarchicalBootstrap, meanOf } from '../statistics/bootstrap.js';
import { type Calibration, calibration } from '../statistics/calibration.js';
import { compareMethods } from '../statistics/compare-methods.js';
import type { ComparisonTable } from '../statistics/comparison-table.js';
import { type Equivalence, equivalence } from '../statistics/equivalence.js';
import { type FactorialEffect, factorialEffects } from '../statistics/factorial.js';
import { kendallTau } from '../statistics/kendall-tau.js';
import { paretoProbability } from '../statistics/pareto.js';
import { signFlipTest } from '../statistics/permutation-test.js';
import { rankStability, type RankStability } from '../statistics/rank-stability.js';
import { type VarianceComponents, varianceComponents } from '../statistics/variance-components.js';
import { argmaxRows, softmax } from '../trial/softmax.js';
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

/** How well a rule of selection chooses, over the runs of an arm with a trace of the test set. */
export interface RuleQuality {
  readonly cell: string;
  readonly method: string;
  readonly rule: string;
  readonly runs: number;
  /** Mean of best test minus chosen test, in points. */
  readonly regret: number;
  /** Mean Kendall tau-b of dev and test traces; null where none is defined. */
  readonly tau: number | null;
}

/** What the items of a cell say of an arm. */
export interface ItemAnalysis {
  readonly cell: string;
  readonly method: string;
  /** Mean over the runs; null for a regression. */
  readonly calibration: Calibration | null;
  /** Of accuracy in points; null for a regression or an unbalanced design. */
  readonly variance: VarianceComponents | null;
  /** Difference of the headline metric to the first reference over new splits and new items; null where it is the reference itself or not paired. */
  readonly difference: BootstrapEstimate | null;
}

/** A trace of one run: development metrics by rule and the observed test. */
export interface RunTrace {
  readonly cell: string;
  readonly method: string;
  readonly dataSeed: number;
  readonly trainSeed: number;
  readonly points: readonly {
    readonly step: number;
    readonly midpoint?: number;
    readonly stochastic?: number;
    readonly test?: number;
  }[];
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
  readonly ranks: (RankStability & { readonly methods: readonly string[]; readonly cells: number }) | null;
  readonly rules: readonly RuleQuality[];
  readonly items: readonly ItemAnalysis[];
  readonly traces: readonly RunTrace[];
  /** Main effects and interactions of the grid's factors over all cells and data splits; empty without factors or a whole unit. */
  readonly effects: readonly FactorialEffect[];
  readonly pareto: readonly ParetoEntry[];
  /** Files of records that could not be read, with the reason: their trials are left out of what needs them. */
  readonly damaged: readonly string[];
}

/** Recomputes everything from the summaries and records of a grid, without training. Errors: those of `compareMethods`. */
export async function analyseGrid(grid: StoredGrid, cells: readonly CellResults[]): Promise<GridAnalysis> {
  const references = referencesOf(grid);
  const reader = openColumnReader();
  const damaged: string[] = [];
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
    return {
      cells: cells.map(({ cell: { id, task, model, shots }, results, planned }) => ({
        id,
        task,
        model,
        shots,
        missing: planned.length - results.filter(({ status }) => status === 'done').length,
        table: results.some(({ status }) => status === 'done')
          ? compareMethods(results, { planned, references: known(references, planned) })
          : null,
      })),
      overall,
      differences: overall
        ? overallDifferences(joined.results, known(references, joined.planned), grid.config.margin)
        : [],
      ranks: ranksOf(cells),
      rules,
      items,
      traces,
      effects: effectsOf(grid, joined.results),
      pareto: overall ? paretoOf(joined.results) : [],
      damaged,
    };
  } finally {
    reader.close();
  }
}

const referencesOf = ({ config, cells }: StoredGrid): readonly string[] => {
  if (config.references) return config.references;
  const arms = cells[0]?.arms ?? [];
  return [(arms.filter(({ kind }) => kind === 'floor').at(-1) ?? arms[0])?.name ?? ''];
};

const known = (references: readonly string[], planned: readonly { readonly method: string }[]) =>
  references.filter((name) => planned.some(({ method }) => method === name));

/** Every (cell, data seed) as a data seed of its own, so that pairs are made within cells alone. */
function joinCells(cells: readonly CellResults[]) {
  const seedOf = (index: number, seed: number) => index * 2 ** 32 + seed;
  return {
    results: cells.flatMap(({ results }, index) =>
      results.map((one) => ({ ...one, dataSeed: seedOf(index, one.dataSeed), test: underOneName(one) })),
    ),
    planned: cells.flatMap(({ planned }, index) =>
      planned.map((one) => ({ ...one, dataSeed: seedOf(index, one.dataSeed) })),
    ),
  };
}

/** The headline split of each task under one name, since tasks name theirs differently. */
const underOneName = ({ test, headlineSplit }: ArmResult): ArmResult['test'] => {
  const headline = test[headlineSplit];
  return headline ? { test: headline } : {};
};

function overallDifferences(
  results: readonly (ArmResult & { readonly dataSeed: number })[],
  references: readonly string[],
  margin: number,
): OverallDifference[] {
  const methods = [...new Set(results.filter(({ kind }) => kind === 'trained').map(({ method }) => method))];
  const meansOf = (method: string) => {
    const groups = new Map<number, number[]>();
    for (const one of results) {
      const value = one.method === method && one.status === 'done' ? one.test.test?.headline : undefined;
      if (value !== undefined) groups.set(one.dataSeed, [...(groups.get(one.dataSeed) ?? []), value]);
    }
    return new Map([...groups].map(([seed, values]) => [seed, meanOfList(values)]));
  };
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

function ranksOf(cells: readonly CellResults[]): GridAnalysis['ranks'] {
  const means = cells.map(({ results }) => {
    const groups = new Map<string, number[]>();
    for (const { method, kind, status, test, headlineSplit } of results)
      if (kind === 'trained' && status === 'done' && test[headlineSplit])
        groups.set(method, [...(groups.get(method) ?? []), test[headlineSplit].headline]);
    return new Map([...groups].map(([method, values]) => [method, meanOfList(values)]));
  });
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
  const lists = new Map<string, Map<number, number[]>>();
  for (const { method, kind, status, dataSeed, test } of results) {
    if (kind !== 'trained' || status !== 'done' || !test.test) continue;
    const own = lists.get(method) ?? new Map<number, number[]>();
    lists.set(method, own.set(dataSeed, [...(own.get(dataSeed) ?? []), test.test.headline]));
  }
  return new Map(
    [...lists].map(([method, own]) => [method, new Map([...own].map(([unit, values]) => [unit, meanOfList(values)]))]),
  );
}

function effectsOf({ config: { factors = {} } }: StoredGrid, results: readonly ArmResult[]): FactorialEffect[] {
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

function paretoOf(results: readonly ArmResult[]): ParetoEntry[] {
  const units = unitsOf(results);
  const common = [...(units.values().next().value?.keys() ?? [])].filter((unit) =>
    [...units.values()].every((own) => own.has(unit)),
  );
  if (units.size < 2 || common.length === 0) return [];
  const mean = (method: string, pick: (one: ArmResult) => number) =>
    meanOfList(results.filter((one) => one.method === method && one.status === 'done').map(pick));
  const entries = [...units.keys()].map((method) => ({
    method,
    trainableParameters: mean(method, (one) => one.trainableParameters),
    fileBytes: mean(method, (one) => one.fileBytes),
    secondsPerStep: mean(method, (one) => one.secondsPerStep),
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

interface RecordedRun {
  readonly result: ArmResult;
  readonly cell: string;
  readonly item: ItemRecords | undefined;
  readonly labels: readonly string[];
  readonly regression: boolean;
  readonly rules: RecordProvenance['rules'];
  /** Values by `split rule metric`, each over steps. */
  readonly series: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

async function readCell(
  reader: ColumnReader,
  { cell, results }: CellResults,
  onDamaged: (why: string) => void,
): Promise<RecordedRun[]> {
  const runs: RecordedRun[] = [];
  // Arms that share a run share its files.
  const files = new Map<string, Awaited<ReturnType<typeof readRun>>>();
  for (const result of results) {
    if (result.status !== 'done') continue;
    const read = files.get(result.path) ?? (await readRun(reader, result, onDamaged));
    files.set(result.path, read);
    const { items, evaluations } = read;
    if (!items) continue;
    const series = new Map<string, Map<number, number>>();
    for (const { split, rule, metric, step, value } of evaluations?.evaluations ?? []) {
      const key = `${split} ${rule} ${metric}`;
      const own = series.get(key) ?? new Map<number, number>();
      series.set(key, own.set(step, value));
    }
    runs.push({
      result,
      cell: cell.id,
      item: items.items.find(({ rule, split }) => rule === result.rule && split === result.headlineSplit),
      labels: items.provenance.labels,
      regression: items.provenance.regression,
      rules: items.provenance.rules,
      series,
    });
  }
  return runs;
}

async function readRun(reader: ColumnReader, result: ArmResult, onDamaged: (why: string) => void) {
  const files = trialFiles(result.path);
  try {
    const items = await readItems(reader, files.items);
    if (items && items.provenance.configHash !== result.configHash) {
      onDamaged(`"${files.items}" belongs to another configuration`);
      return { items: null, evaluations: null };
    }
    return { items, evaluations: await readEvaluations(reader, files.evaluations) };
  } catch (error) {
    onDamaged(error instanceof Error ? error.message : String(error));
    return { items: null, evaluations: null };
  }
}

const testKey = (run: RecordedRun) => `test  ${run.result.headlineSplit} headline`;

/** The deterministic pass of a run: a rule of its own, or logged beside draws. */
function midpointOf({ rules, series, result }: RecordedRun): ReadonlyMap<number, number> | undefined {
  const rule = Object.keys(rules).find((name) => rules[name]!.mode === 'midpoint');
  return series.get(rule === undefined ? `dev ${midpointRule} ${result.headlineMetric}` : `dev ${rule} headline`);
}

function traceOf(run: RecordedRun): RunTrace[] {
  const { result, cell, series, rules } = run;
  const own = series.get(`dev ${result.rule} headline`);
  if (!own) return [];
  const drawn = rules[result.rule]?.mode !== 'midpoint';
  const midpoint = midpointOf(run);
  const test = series.get(testKey(run));
  const points = [...own].map(([step, value]) => ({
    step,
    ...(drawn ? { stochastic: value, ...(midpoint && { midpoint: midpoint.get(step) }) } : { midpoint: value }),
    ...(test && { test: test.get(step) }),
  }));
  const { method, dataSeed, trainSeed } = result;
  return [{ cell, method, dataSeed, trainSeed, points }];
}

/** Regret and tau of the rule of each arm, and of the midpoint where it was logged beside draws. */
function ruleQualities({ cell }: CellResults, runs: readonly RecordedRun[]): RuleQuality[] {
  const found = new Map<
    string,
    { readonly method: string; readonly rule: string; readonly values: { regret: number; tau: number | null }[] }
  >();
  for (const run of runs) {
    const test = run.series.get(testKey(run));
    if (!test) continue;
    const { method, rule } = run.result;
    const own = run.rules[rule];
    const drawn = own !== undefined && own.mode !== 'midpoint';
    const candidates: [string, ReadonlyMap<number, number> | undefined][] = [
      [drawn ? `${own.mode}, ${own.draws} draws` : 'midpoint', run.series.get(`dev ${rule} headline`)],
      ...(drawn
        ? [['midpoint of the same runs', midpointOf(run)] as [string, ReadonlyMap<number, number> | undefined]]
        : []),
    ];
    for (const [name, dev] of candidates) {
      const steps = [...(dev?.keys() ?? [])].filter((step) => test.has(step));
      if (!dev || steps.length < 2) continue;
      const [d, t] = [steps.map((step) => dev.get(step)!), steps.map((step) => test.get(step)!)];
      const chosen = d.reduce((best, value, index) => (value > d[best]! ? index : best), 0);
      const key = `${method} ${name}`;
      const group = found.get(key) ?? { method, rule: name, values: [] };
      group.values.push({ regret: Math.max(...t) - t[chosen]!, tau: kendallTau(d, t) });
      found.set(key, group);
    }
  }
  return [...found.values()].map(({ method, rule, values }) => {
    const taus = values.flatMap(({ tau }) => tau ?? []);
    return {
      cell: cell.id,
      method,
      rule,
      runs: values.length,
      regret: meanOfList(values.map(({ regret }) => regret)),
      tau: taus.length > 0 ? meanOfList(taus) : null,
    };
  });
}

function analyseItems(
  { cell }: CellResults,
  runs: readonly RecordedRun[],
  reference: string | undefined,
): ItemAnalysis[] {
  const byMethod = new Map<string, RecordedRun[]>();
  for (const run of runs)
    if (run.item) byMethod.set(run.result.method, [...(byMethod.get(run.result.method) ?? []), run]);
  const base = reference === undefined ? undefined : byMethod.get(reference);
  return [...byMethod].map(([method, own]) => ({
    cell: cell.id,
    method,
    calibration: meanCalibration(own),
    variance: varianceOf(own),
    difference: base && method !== reference ? itemDifference(own, base) : null,
  }));
}

function meanCalibration(runs: readonly RecordedRun[]): Calibration | null {
  if (runs[0]!.regression) return null;
  const each = runs.map(({ item }) => calibration(softmax(item!.logits, item!.columns), item!.labels));
  return {
    expectedError: meanOfList(each.map((one) => one.expectedError)),
    brier: meanOfList(each.map((one) => one.brier)),
  };
}

const rightOf = ({ item }: RecordedRun) => {
  const predicted = argmaxRows(item!.logits, item!.columns);
  return Float64Array.from(item!.labels, (label, row) => (label === predicted[row] ? 100 : 0));
};

function byData(runs: readonly RecordedRun[]): Map<number, RecordedRun[]> {
  const groups = new Map<number, RecordedRun[]>();
  for (const run of runs) groups.set(run.result.dataSeed, [...(groups.get(run.result.dataSeed) ?? []), run]);
  return groups;
}

function varianceOf(runs: readonly RecordedRun[]): VarianceComponents | null {
  if (runs[0]!.regression) return null;
  const values = [...byData(runs).values()].map((group) => group.map(rightOf));
  const [first] = values;
  const balanced = values.every(
    (group) => group.length === first!.length && group.every((run) => run.length === first![0]!.length),
  );
  return values.length > 1 && balanced ? varianceComponents(values) : null;
}

const sameItems = (a: ItemRecords, b: ItemRecords) =>
  a.rows.length === b.rows.length && a.rows.every((row, index) => row === b.rows[index]);

/** Pairs runs by data seed on equal splits; the training seeds of both are averaged. Null where items differ or the metric is no single one. */
function itemDifference(own: readonly RecordedRun[], base: readonly RecordedRun[]): BootstrapEstimate | null {
  const others = byData(base);
  const pairs = [...byData(own)].flatMap(([seed, left]) => {
    const right = others.get(seed);
    return right?.[0]!.result.splitHash === left[0]!.result.splitHash ? [[left, right] as const] : [];
  });
  const first = own[0]!.item!;
  if (pairs.length === 0 || pairs.flat(2).some(({ item }) => !sameItems(first, item!))) return null;
  const { headlineMetric } = own[0]!.result;
  const size = { clusters: pairs.length, items: first.rows.length };
  if (headlineMetric === 'accuracy') {
    const rows = pairs.map(([left, right]) => {
      const [a, b] = [left.map(rightOf), right.map(rightOf)];
      return Float64Array.from(
        { length: size.items },
        (_, item) => meanOfList(a.map((run) => run[item]!)) - meanOfList(b.map((run) => run[item]!)),
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
      meanOfList(
        Array.from(clusters, (at) => {
          const [left, right] = scores[at]!;
          return meanOfList(left.map((score) => score(items))) - meanOfList(right.map((score) => score(items)));
        }),
      ),
  });
}

const meanOfList = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
