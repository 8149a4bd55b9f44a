import { mean } from 'simple-statistics';
import type { ComparableTrial, ComparisonTable } from './comparison-table.js';

export type Unit = ComparisonTable['unit'];

/** With several data splits the split is what varies; with one, only the train seeds do. */
export const unitsOf = (trials: readonly ComparableTrial[]): Unit =>
  new Set(trials.map((trial) => trial.dataSeed)).size > 1 ? 'data split' : 'train seed';

const keyOf = (trial: ComparableTrial, unit: Unit) => (unit === 'data split' ? trial.dataSeed : trial.trainSeed);

/** One value a unit: the mean over its trials. */
export function valuesByUnit(trials: readonly ComparableTrial[], split: string, unit: Unit): Map<number, number> {
  const groups = new Map<number, number[]>();
  for (const trial of trials) {
    const value = trial.status === 'done' ? trial.test?.[split]?.headline : undefined;
    if (value === undefined) continue;
    const key = keyOf(trial, unit);
    groups.set(key, [...(groups.get(key) ?? []), value]);
  }
  return new Map([...groups].map(([key, values]) => [key, mean(values)]));
}

/**
 * `[method, reference]` values of the units that both have, on identical splits (equal split hash). Within a split only train seeds that
 * both finished count, so a failed run does not tilt the difference; a floor has no train seed of its own and serves for all of them.
 */
export function pairUnits(
  trials: readonly ComparableTrial[],
  split: string,
  unit: Unit,
  method: string,
  reference: string,
  isFloor: (method: string) => boolean,
): [number, number][] {
  const finished = trials.filter((trial) => trial.status === 'done' && trial.test?.[split] !== undefined);
  const pairs = new Map<number, [number[], number[]]>();
  for (const a of finished.filter((trial) => trial.method === method))
    for (const b of finished.filter((trial) => trial.method === reference)) {
      const sameData = a.dataSeed === b.dataSeed && a.splitHash === b.splitHash;
      const sameSeed = a.trainSeed === b.trainSeed || isFloor(method) || isFloor(reference);
      if (!sameData || !sameSeed) continue;
      const key = keyOf(isFloor(method) ? b : a, unit);
      const [left, right] = pairs.get(key) ?? [[], []];
      left.push(a.test![split]!.headline);
      right.push(b.test![split]!.headline);
      pairs.set(key, [left, right]);
    }
  return [...pairs.values()].map(([left, right]) => [mean(left), mean(right)]);
}
