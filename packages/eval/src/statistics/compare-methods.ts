import { PeftError } from '@tfjs-peft/peft-core';
import { requireMethods } from './require-methods.js';
import { mean } from 'simple-statistics';
import type {
  ComparableTrial,
  ComparisonOptions,
  ComparisonRow,
  ComparisonTable,
  Difference,
} from './comparison-table.js';
import { describeTable } from './describe-table.js';
import { holm } from './holm.js';
import { pairedDifference } from './paired-difference.js';
import { headlineOf, pairUnits, type Unit, unitsOf, valuesByUnit } from './pair-units.js';
import { summarise } from './summarise.js';

/** The values of two methods on the units that both have. */
interface Comparison {
  readonly method: string;
  readonly reference: string;
  readonly pairs: readonly (readonly [number, number])[];
}

/** What a table is of: its methods, floors first, and what is compared in it. */
interface ComparisonPlan {
  readonly methods: readonly string[];
  readonly isFloor: (method: string) => boolean;
  readonly split: string;
  readonly unit: Unit;
  readonly references: readonly string[];
  readonly comparisons: readonly Comparison[];
}

/** Lists what {@link compareMethods} compares, each pair of methods once. Errors: `NO_TRIALS`, `UNKNOWN_METHOD`, `UNKNOWN_SPLIT`. */
export function planComparisons(
  trials: readonly ComparableTrial[],
  { planned = trials, ...options }: ComparisonOptions = {},
): ComparisonPlan {
  if (trials.length === 0)
    throw new PeftError('NO_TRIALS', { found: 'no trial to compare', fix: 'run the experiment first' });
  const names = [...new Set([...planned, ...trials].map(({ method }) => method))];
  const floors = new Set([...planned, ...trials].filter(({ kind }) => kind === 'floor').map(({ method }) => method));
  const isFloor = (method: string) => floors.has(method);
  const methods = [...names.filter(isFloor), ...names.filter((name) => !isFloor(name))];
  const split = chooseSplit(trials, options.split);
  const references = chooseReferences(methods, isFloor, options.references);
  const unit = unitsOf(trials);
  const comparisons = listComparisons(methods, references, isFloor).map(([method, reference]) => ({
    method,
    reference,
    pairs: pairUnits(trials, split, unit, method, reference),
  }));
  return { methods, isFloor, split, unit, references, comparisons };
}

/**
 * Trials of several methods as one table of means, intervals and paired differences over seeds. Failed and missing trials are counted and
 * named, never dropped silently. Verdicts are corrected for the number of comparisons (Holm), so the table ranks only what it separates.
 * Errors: `NO_TRIALS`, `UNKNOWN_METHOD`, `UNKNOWN_SPLIT`.
 */
export function compareMethods(trials: readonly ComparableTrial[], options: ComparisonOptions = {}): ComparisonTable {
  const { alpha = 0.05, planned = trials } = options;
  const { methods, isFloor, split, unit, references, comparisons } = planComparisons(trials, options);
  const corrected = correct(comparisons, alpha);
  const rows = methods.map((method): ComparisonRow => {
    const own = trials.filter((trial) => trial.method === method);
    const done = own.filter((trial) => headlineOf(trial, split) !== null);
    const average = (pick: (trial: ComparableTrial) => number | undefined) => {
      const values = done.map(pick).filter((value) => value !== undefined && Number.isFinite(value)) as number[];
      return values.length === 0 ? null : mean(values);
    };
    const expected = Math.max(planned.filter((trial) => trial.method === method).length, own.length);
    return {
      ...summarise([...valuesByUnit(done, unit, split).values()], alpha),
      method,
      kind: isFloor(method) ? 'floor' : 'trained',
      done: done.length,
      failed: own.filter((trial) => trial.status === 'failed').length,
      missing: expected - done.length,
      points: done.map((trial) => ({
        dataSeed: trial.dataSeed,
        trainSeed: trial.trainSeed,
        value: headlineOf(trial, split)!,
      })),
      differences: Object.fromEntries(
        corrected.filter((entry) => entry.method === method).map((entry) => [entry.reference, entry.difference]),
      ),
      trainableParameters: average((trial) => trial.trainableParameters),
      effectiveParameters: average((trial) => trial.effectiveParameters),
      seconds: average((trial) => trial.seconds),
      secondsPerStep: average((trial) => trial.secondsPerStep),
      fileBytes: average((trial) => trial.fileBytes),
    };
  });
  const seeds = (pick: (trial: ComparableTrial) => number) => [...new Set(trials.map(pick))].sort((a, b) => a - b);
  const table = {
    split,
    metric: trials.find(({ headlineMetric }) => headlineMetric)?.headlineMetric ?? 'headline metric',
    alpha,
    unit,
    dataSeeds: seeds((trial) => trial.dataSeed),
    trainSeeds: seeds((trial) => trial.trainSeed),
    rows,
    references,
    comparisons: corrected.filter(({ difference }) => difference?.pValue != null).length,
  };
  return { ...table, notes: describeTable(table, trials, planned) };
}

function chooseSplit(trials: readonly ComparableTrial[], wanted: string | undefined): string {
  const splits = [...new Set(trials.flatMap((trial) => Object.keys(trial.test ?? {})))];
  const headline = trials.find(({ headlineSplit }) => headlineSplit)?.headlineSplit;
  if (wanted === undefined) return headline ?? splits[0] ?? 'test';
  if (splits.length > 0 && !splits.includes(wanted))
    throw new PeftError('UNKNOWN_SPLIT', { found: `split "${wanted}"`, expected: `one of ${splits.join(', ')}` });
  return wanted;
}

function chooseReferences(
  methods: readonly string[],
  isFloor: (method: string) => boolean,
  wanted?: readonly string[],
): string[] {
  requireMethods(wanted ?? [], methods, {
    found: (name) => `reference "${name}"`,
    among: 'one of the compared methods',
  });
  if (wanted) return [...new Set(wanted)];
  return [methods.filter(isFloor).at(-1) ?? methods[0]!];
}

/** Every trained method against every reference, each pair once; floors are compared with trained methods only, from their side. */
export function listComparisons(
  methods: readonly string[],
  references: readonly string[],
  isFloor: (method: string) => boolean,
): [method: string, reference: string][] {
  const list: [string, string][] = [];
  for (const reference of new Set(references))
    for (const method of methods)
      if (method !== reference && !isFloor(method) && !list.some(([a, b]) => a === reference && b === method))
        list.push([method, reference]);
  return list;
}

function correct(comparisons: readonly Comparison[], alpha: number) {
  const plain = comparisons.map(({ pairs }) =>
    pairedDifference(
      pairs.map(([a]) => a),
      pairs.map(([, b]) => b),
    ),
  );
  const tested = plain.flatMap(({ pValue }) => (pValue === null ? [] : [pValue]));
  const results = holm(tested, alpha);
  let next = 0;
  return comparisons.map(({ method, reference, pairs }, index) => {
    const result = plain[index]!.pValue === null ? undefined : results[next++];
    const level = result?.alpha ?? alpha;
    const difference: Difference | null =
      pairs.length === 0
        ? null
        : {
            ...pairedDifference(
              pairs.map(([a]) => a),
              pairs.map(([, b]) => b),
              level,
            ),
            holmP: result?.adjusted ?? null,
            alpha: level,
          };
    return { method, reference, difference };
  });
}
