import { PeftError } from '@tfjs-peft/peft-core';

/** How much of the variance of one item's value comes from what; estimates of variances, negative ones as 0. */
export interface VarianceComponents {
  /** The draw of the labelled examples. */
  readonly data: number;
  /** Initial values, order and draws of training within a data seed; null with one training seed. */
  readonly training: number | null;
  /** Items that are hard for all runs. */
  readonly item: number;
  /** Items that are hard with some data seeds. With one training seed `rest` is part of it. */
  readonly dataByItem: number;
  /** What changes from run to run on one item. Null with one training seed. */
  readonly rest: number | null;
  /** Variance of the mean over all items of a new run on a new draw of the data, these items given. */
  readonly ofOneRun: number;
}

/**
 * Splits the variance of `values[data seed][training seed][item]` of a balanced design, training seeds nested in data seeds, items crossed with
 * both, by the expected mean squares of an analysis of variance. Errors: `DESIGN_UNBALANCED`.
 */
export function varianceComponents(values: readonly (readonly ArrayLike<number>[])[]): VarianceComponents {
  const [d, t, n] = [values.length, values[0]?.length ?? 0, values[0]?.[0]?.length ?? 0];
  if (d < 2 || t < 1 || n < 2 || values.some((runs) => runs.length !== t || runs.some((run) => run.length !== n)))
    throw new PeftError('DESIGN_UNBALANCED', {
      found: `runs of ${values.map((runs) => `${runs.length} training seeds`).join(', ')}`,
      expected: 'at least two data seeds, as many training seeds for each, the same items for all',
      fix: 'leave out the seeds that are not complete',
    });
  const each = <T>(count: number, make: (index: number) => T) =>
    Array.from({ length: count }, (_, index) => make(index));
  const mean = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const ofRun = values.map((runs) => runs.map((run) => mean(Array.from(run))));
  const ofData = ofRun.map(mean);
  const total = mean(ofData);
  const byItem = values.map((runs) => each(n, (item) => mean(runs.map((run) => run[item]!))));
  const ofItem = each(n, (item) => mean(byItem.map((row) => row[item]!)));
  const squares = (list: readonly number[]) => list.reduce((sum, value) => sum + value * value, 0);
  const data = (t * n * squares(ofData.map((value) => value - total))) / (d - 1);
  const item = (d * t * squares(ofItem.map((value) => value - total))) / (n - 1);
  const crossed = byItem.flatMap((row, i) => row.map((value, j) => value - ofData[i]! - ofItem[j]! + total));
  const dataByItem = (t * squares(crossed)) / ((d - 1) * (n - 1));
  const plus = (value: number) => Math.max(0, value);
  const ofItems = plus((item - dataByItem) / (d * t));
  if (t === 1) {
    const own = plus((data - dataByItem) / n);
    return { data: own, training: null, item: ofItems, dataByItem, rest: null, ofOneRun: own + dataByItem / n };
  }
  const training = (n * squares(ofRun.flatMap((runs, i) => runs.map((value) => value - ofData[i]!)))) / (d * (t - 1));
  const errors = values.flatMap((runs, i) =>
    runs.flatMap((run, j) => each(n, (k) => run[k]! - ofRun[i]![j]! - byItem[i]![k]! + ofData[i]!)),
  );
  const rest = squares(errors) / (d * (t - 1) * (n - 1));
  const result = {
    data: plus((data - training - dataByItem + rest) / (t * n)),
    training: plus((training - rest) / n),
    item: ofItems,
    dataByItem: plus((dataByItem - rest) / t),
    rest,
  };
  return { ...result, ofOneRun: result.data + result.training + (result.dataByItem + rest) / n };
}
