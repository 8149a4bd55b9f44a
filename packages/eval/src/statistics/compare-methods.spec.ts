import { describe, expect, it } from '@jest/globals';
import { compareMethods } from './compare-methods.js';
import type { ComparableTrial, PlannedTrial } from './comparison-table.js';
import { pairedDifference } from './paired-difference.js';

const trial = (
  method: string,
  dataSeed: number,
  value: number,
  more: Partial<ComparableTrial> = {},
): ComparableTrial => ({
  method,
  kind: ['majority', 'linear-probe'].includes(method) ? 'floor' : 'trained',
  dataSeed,
  trainSeed: 0,
  status: 'done',
  test: { test: { headline: value } },
  headlineSplit: 'test',
  headlineMetric: 'accuracy',
  splitHash: `split-${dataSeed}`,
  ...more,
});
const seeds = [13, 21, 42, 87];
const list = (method: string, values: number[], more?: Partial<ComparableTrial>) =>
  values.map((value, index) => trial(method, seeds[index]!, value, more));

const probe = [79, 81.9, 81.5, 76.6];
const prefix = [84.2, 86.7, 86.9, 82.0];
const simplex = [84.9, 86.1, 87.4, 81.9];
const trials = [
  ...list('prefix', prefix),
  ...list('prefix-subspace', simplex),
  ...list('majority', [55, 55, 55, 55]),
  ...list('linear-probe', probe),
];
const rowOf = (table: ReturnType<typeof compareMethods>, method: string) =>
  table.rows.find((row) => row.method === method)!;

describe('compareMethods', () => {
  it('puts floors first, keeps the order of the experiment, and gives n, mean and interval', () => {
    const table = compareMethods(trials);
    expect(table.rows.map(({ method }) => method)).toEqual(['majority', 'linear-probe', 'prefix', 'prefix-subspace']);
    expect(table).toMatchObject({
      metric: 'accuracy',
      split: 'test',
      unit: 'data split',
      references: ['linear-probe'],
    });
    expect(rowOf(table, 'prefix')).toMatchObject({ n: 4, done: 4, missing: 0, kind: 'trained' });
    expect(rowOf(table, 'prefix').mean).toBeCloseTo(84.95);
    expect(rowOf(table, 'majority').interval).toBeNull();
    expect(table.notes.join(' ')).toContain('majority: the same value on every split');
  });

  it('separates what the data separates, with Holm-corrected intervals, and nothing else', () => {
    const table = compareMethods(trials, { references: ['linear-probe', 'prefix'] });
    expect(table.comparisons).toBe(3);
    const against = rowOf(table, 'prefix').differences['linear-probe']!;
    expect(against.verdict).toBe('better');
    expect(against.alpha).toBeLessThan(0.05);
    const plain = pairedDifference(prefix, probe);
    expect(against.interval![0]).toBeLessThan(plain.interval![0]);
    expect(rowOf(table, 'prefix-subspace').differences['prefix']!.verdict).toBe('not separated');
    expect(rowOf(table, 'prefix').differences['prefix']).toBeUndefined();
    expect(rowOf(table, 'majority').differences).toEqual({});
  });

  it('withdraws a verdict that only holds without the correction', () => {
    const b = [80, 81, 82, 83];
    const a = [82.4, 83.2, 83.0, 86.6];
    expect(pairedDifference(a, b).verdict).toBe('better');
    const others = Array.from({ length: 6 }, (_, i) => list(`other-${i}`, [80 + (i % 2), 80, 83 - (i % 3), 83]));
    const table = compareMethods([...list('linear-probe', b), ...list('prefix', a), ...others.flat()]);
    expect(rowOf(table, 'prefix').differences['linear-probe']!.verdict).toBe('not separated');
    expect(rowOf(table, 'prefix').differences['linear-probe']!.pValue).toBeLessThan(0.05);
    expect(rowOf(table, 'prefix').differences['linear-probe']!.holmP).toBeGreaterThan(0.05);
  });

  it('takes a data split as the unit: train seeds of one split are averaged, not counted', () => {
    const more = prefix.map((value, index) => trial('prefix', seeds[index]!, value + 2, { trainSeed: 1 }));
    const table = compareMethods([...trials, ...more]);
    expect(rowOf(table, 'prefix')).toMatchObject({ n: 4, done: 8 });
    expect(rowOf(table, 'prefix').mean).toBeCloseTo(85.95);
    expect(rowOf(table, 'prefix').differences['linear-probe']).toMatchObject({ n: 4 });
    expect(table.notes[0]).toContain(
      'over 4 data splits (data seeds 13, 21, 42, 87), each the mean over its train seeds (0, 1)',
    );
  });

  it('with one data split the unit is the train seed, and the note says so', () => {
    const runs = [81, 83, 82].map((value, trainSeed) => trial('prefix', 13, value, { trainSeed }));
    const table = compareMethods([trial('linear-probe', 13, 79), ...runs]);
    expect(table.unit).toBe('train seed');
    expect(rowOf(table, 'prefix').differences['linear-probe']).toMatchObject({ n: 3, verdict: 'better' });
    expect(rowOf(table, 'linear-probe')).toMatchObject({ n: 1, interval: null });
    expect(table.notes[0]).toContain('say nothing about other splits');
  });

  it('claims nothing with one run a method', () => {
    const table = compareMethods([trial('linear-probe', 13, 70), trial('prefix', 13, 90)]);
    expect(rowOf(table, 'prefix')).toMatchObject({ n: 1, interval: null, standardDeviation: null });
    expect(rowOf(table, 'prefix').differences['linear-probe']).toMatchObject({
      interval: null,
      verdict: 'not separated',
    });
    expect(table.notes[0]).toContain('n = 1');
  });

  it('marks failed and missing cells with their reasons and leaves them out of the pairs', () => {
    const failed = trial('prefix', 87, 0, { status: 'failed', test: {}, error: { message: 'loss is not finite' } });
    const kept = trials.filter(({ method, dataSeed }) => !(method === 'prefix' && dataSeed === 87));
    const planned: PlannedTrial[] = [...trials, trial('prefix', 100, 0)];
    const table = compareMethods([...kept, failed], { planned });
    expect(rowOf(table, 'prefix')).toMatchObject({ n: 3, done: 3, failed: 1, missing: 2 });
    expect(rowOf(table, 'prefix').differences['linear-probe']!.n).toBe(3);
    const note = table.notes.find((text) => text.startsWith('Missing'))!;
    expect(note).toContain('prefix has 3 of 5 results');
    expect(note).toContain('data seed 87, train seed 0 (loss is not finite); data seed 100, train seed 0');
  });

  it('takes a metric that is no finite number for a missing result', () => {
    const spoilt = (value: number) =>
      compareMethods(
        trials.map((one) => (one.method === 'prefix' && one.dataSeed === 42 ? trial('prefix', 42, value) : one)),
      );
    const without = compareMethods(
      trials.filter(({ method, dataSeed }) => method !== 'prefix' || dataSeed !== 42),
      { planned: trials },
    );
    for (const value of [NaN, Infinity, -Infinity]) {
      const table = spoilt(value);
      expect(table.rows).toEqual(without.rows);
      expect(rowOf(table, 'prefix')).toMatchObject({ n: 3, done: 3, failed: 0, missing: 1 });
      expect(rowOf(table, 'prefix').differences['linear-probe']!.n).toBe(3);
      const notes = table.notes.join(' ');
      expect(notes).toContain('prefix has 3 of 4 results; without one: data seed 42, train seed 0 (no finite metric)');
      expect(notes).not.toContain('NaN');
    }
  });

  it('averages costs over what was measured', () => {
    const measured = list('prefix', prefix).map((one, index) => ({
      ...one,
      secondsPerStep: index === 0 ? NaN : index,
    }));
    expect(rowOf(compareMethods(measured), 'prefix').secondsPerStep).toBe(2);
  });

  it('keeps a method whose trials all failed', () => {
    const failed = list('broken', [0, 0], { status: 'failed', test: {} });
    const row = rowOf(compareMethods([...trials, ...failed]), 'broken');
    expect(row).toMatchObject({ n: 0, failed: 2, missing: 2, interval: null });
    expect(row.differences).toEqual({ 'linear-probe': null });
    expect(compareMethods(failed).rows[0]).toMatchObject({ n: 0 });
  });

  it('pairs only trials on identical splits and says where they differ', () => {
    const other = trials.map((one) =>
      one.method === 'prefix' && one.dataSeed === 42 ? { ...one, splitHash: 'another' } : one,
    );
    const table = compareMethods(other);
    expect(rowOf(table, 'prefix').differences['linear-probe']!.n).toBe(3);
    expect(table.notes.join(' ')).toContain('Data seed 42: the trials do not share one split');
    // A run that failed before it had a split is missing, no more.
    const failed = trials.map((one) =>
      one.method === 'prefix' && one.dataSeed === 42
        ? { ...one, status: 'failed' as const, test: {}, splitHash: '' }
        : one,
    );
    expect(compareMethods(failed).notes.join(' ')).not.toContain('do not share one split');
  });

  it('pairs within a split only by train seeds that both sides finished', () => {
    const extra = [
      ...list(
        'prefix',
        prefix.map((value) => value + 10),
        { trainSeed: 1 },
      ),
      ...list(
        'prefix-subspace',
        simplex.map((value) => value + 10),
        { trainSeed: 1 },
      ).slice(0, 2),
    ];
    const table = compareMethods([...trials, ...extra], { references: ['prefix'] });
    const expected = simplex.map((value, index) => value - prefix[index]!);
    const { mean } = rowOf(table, 'prefix-subspace').differences['prefix']!;
    expect(mean).toBeCloseTo(expected.reduce((a, b) => a + b) / 4);
  });

  it('reports subsets and undefined metrics', () => {
    const table = compareMethods([
      ...trials,
      ...list('prefix-flat', probe, { subset: true, test: { test: { headline: 0, undefined: 1 } } }),
    ]);
    expect(table.notes.join(' ')).toContain('cut of the official training set');
    expect(table.notes.join(' ')).toContain('4 metric values were undefined');
  });

  it('refuses an empty list, an unknown reference and an unknown split', () => {
    expect(() => compareMethods([])).toThrow('no trial');
    expect(() => compareMethods(trials, { references: ['prefx'] })).toThrow('did you mean "prefix"');
    expect(() => compareMethods(trials, { split: 'dev' })).toThrow('one of test');
  });
});
