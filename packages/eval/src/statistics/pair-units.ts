import { mean } from 'simple-statistics';
import type { ComparableTrial, ComparisonTable } from './comparison-table.js';
import { groupBy } from './group-by.js';

export type Unit = ComparisonTable['unit'];

/** The headline metric of a finished trial; null where it is not a finite number: such a trial counts as missing. */
export function headlineOf(
  { status, test, headlineSplit }: Pick<ComparableTrial, 'status' | 'test' | 'headlineSplit'>,
  split = headlineSplit,
): number | null {
  const value = status === 'done' && split !== undefined ? test?.[split]?.headline : undefined;
  return value !== undefined && Number.isFinite(value) ? value : null;
}

/** With several data splits the split is what varies; with one, only the train seeds do. */
export const unitsOf = (trials: readonly ComparableTrial[]): Unit =>
  new Set(trials.map((trial) => trial.dataSeed)).size > 1 ? 'data split' : 'train seed';

const keyOf = (trial: ComparableTrial, unit: Unit) => (unit === 'data split' ? trial.dataSeed : trial.trainSeed);

/** One value a unit: the mean over its trials, of the given split or of each one's headline split. */
export function valuesByUnit(trials: readonly ComparableTrial[], unit: Unit, split?: string): Map<number, number> {
  const finished = trials.filter((trial) => headlineOf(trial, split) !== null);
  return new Map(
    [...groupBy(finished, (trial) => keyOf(trial, unit))].map(([key, own]) => [
      key,
      mean(own.map((trial) => headlineOf(trial, split)!)),
    ]),
  );
}

/**
 * Whether two trials are a pair: identical splits (equal split hash) and equal train seeds, so that a failed run does not tilt a difference. A
 * floor has no train seed of its own and serves for all of them.
 */
export const isPair = (a: Pairable, b: Pairable): boolean =>
  a.dataSeed === b.dataSeed &&
  a.splitHash === b.splitHash &&
  (a.trainSeed === b.trainSeed || a.kind === 'floor' || b.kind === 'floor');

type Pairable = Pick<ComparableTrial, 'dataSeed' | 'trainSeed' | 'splitHash' | 'kind'>;

/** `[method, reference]` values of the units that both have, over their pairs of trials. */
export function pairUnits(
  trials: readonly ComparableTrial[],
  split: string,
  unit: Unit,
  method: string,
  reference: string,
): [number, number][] {
  const finished = trials.filter((trial) => headlineOf(trial, split) !== null);
  const others = finished.filter((trial) => trial.method === reference);
  const pairs = finished
    .filter((trial) => trial.method === method)
    .flatMap((a) => others.filter((b) => isPair(a, b)).map((b) => ({ a, b })));
  const units = groupBy(pairs, ({ a, b }) => keyOf(a.kind === 'floor' ? b : a, unit));
  return [...units.values()].map((own) => [
    mean(own.map(({ a }) => headlineOf(a, split)!)),
    mean(own.map(({ b }) => headlineOf(b, split)!)),
  ]);
}

/**
 * By method, the trials on splits and train seeds that all of these methods finished, in one order: where several are compared at once, what one
 * lacks is left out of all.
 */
export function commonTrials<Trial extends ComparableTrial>(
  trials: readonly Trial[],
  methods: readonly string[],
): Map<string, Trial[]> {
  const finished = methods.map(
    (method) =>
      new Map(
        trials
          .filter((trial) => trial.method === method && headlineOf(trial) !== null)
          .map((trial) => [JSON.stringify([trial.dataSeed, trial.splitHash, trial.trainSeed]), trial]),
      ),
  );
  const shared = [...(finished[0]?.keys() ?? [])].filter((key) => finished.every((own) => own.has(key)));
  return new Map(methods.map((method, index) => [method, shared.map((key) => finished[index]!.get(key)!)]));
}
