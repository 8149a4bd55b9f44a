import { describe, expect, it } from '@jest/globals';
import { kendallTau } from '../statistics/kendall-tau.js';
import type { CellResults } from './grid-folder.js';
import type { RecordedRun } from './recorded-runs.js';
import { ruleQualities, traceOf } from './selection-quality.js';

const steps = [10, 20, 30, 40, 50];
const series = (values: Readonly<Record<string, readonly number[]>>) =>
  new Map(Object.entries(values).map(([key, list]) => [key, new Map(list.map((value, at) => [steps[at]!, value]))]));
const run = (
  values: Readonly<Record<string, readonly number[]>>,
  { rule = '', ...more }: { rule?: string } & Partial<RecordedRun> = {},
): RecordedRun =>
  ({
    cell: 'c',
    result: { method: 'A', rule, dataSeed: 13, trainSeed: 0, headlineSplit: 'test', headlineMetric: 'accuracy' },
    rules: { '': { mode: 'midpoint', draws: 1 } },
    series: series(values),
    kept: new Map<string, number>(),
    patience: null,
    ...more,
  }) as unknown as RecordedRun;
const qualities = (...runs: readonly RecordedRun[]) => ruleQualities({ cell: { id: 'c' } } as CellResults, runs);

describe('the quality of a rule', () => {
  const [dev, test] = [
    [50, 60, 55, 55, 70],
    [40, 60, 65, 50, 90],
  ];
  const traces = { 'dev  headline': dev, 'test  test headline': test };

  it('is that of the state it kept when it ran out of patience, though evaluation went on', () => {
    const ended = run(traces, { kept: new Map([['', 20]]), patience: 2 });
    const tau = kendallTau(dev.slice(0, 4), test.slice(0, 4));
    expect(qualities(ended)).toEqual([{ cell: 'c', method: 'A', rule: 'midpoint', runs: 1, regret: 5, tau }]);
    expect(traceOf(ended)[0]!.points.map(({ step }) => step)).toEqual([10, 20, 30, 40]);
    expect(qualities(run(traces, { kept: new Map([['', 50]]) }))).toMatchObject([{ regret: 0 }]);
    expect(traceOf(run(traces, { kept: new Map([['', 50]]) }))[0]!.points.length).toBe(5);
  });

  it('is that of the state that the loss chose among equal ones', () => {
    const equal = { 'dev  headline': [50, 60, 60], 'test  test headline': [40, 60, 90] };
    expect(qualities(run(equal, { kept: new Map([['', 30]]) }))).toMatchObject([{ regret: 0 }]);
    expect(qualities(run(equal, { kept: new Map([['', 20]]) }))).toMatchObject([{ regret: 30 }]);
  });

  it('of the logged midpoint is that of a rule of its own', () => {
    const drawn = run(
      { 'dev  headline': [50, 60, 70, 71, 72], 'dev :midpoint accuracy': dev, 'test  test headline': test },
      { rules: { '': { mode: 'stochastic', draws: 4 } }, kept: new Map([['', 50]]), patience: 2 },
    );
    expect(qualities(drawn)).toMatchObject([
      { rule: 'stochastic, 4 draws', regret: 0 },
      { rule: 'midpoint of the same runs', regret: 5 },
    ]);
  });

  it('leaves out runs whose chosen state has no test, and states without one', () => {
    const without = run(
      { ...traces, 'test  test headline': [40, NaN, 65, 50, 90] },
      { kept: new Map([['', 20]]), patience: 2 },
    );
    expect(qualities(without)).toEqual([]);
    const other = run(
      { ...traces, 'test  test headline': [40, 60, NaN, 50, 90] },
      { kept: new Map([['', 20]]), patience: 2 },
    );
    expect(qualities(other, without)).toMatchObject([{ runs: 1, regret: 0 }]);
  });
});
