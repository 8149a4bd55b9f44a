import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { errorOf } from '../test/error-of.js';
import { inventedTask } from '../test/invented-task.js';
import { numpyPermutation } from './numpy-permutation.js';
import type { SplitOptions } from './protocols.js';
import { splitRows, splitTask } from './split-task.js';

const labels = (count: number, classes = 2) => Array.from({ length: count }, (_, i) => (i * 7 + (i >> 3)) % classes);
const goldens = JSON.parse(readFileSync(new URL('../goldens/splits.json', import.meta.url), 'utf8')) as {
  lmbff: { seed: number; k: number; labels: number[]; train: number[]; dev: number[] }[];
};

describe('splits (T10)', () => {
  const task = inventedTask(labels(2490));

  it('fixed: slices of the permutation, K and then 1,000', () => {
    const order = numpyPermutation(42, 2490);
    for (const k of [100, 500, 1000]) {
      const split = splitTask(task, { k, dataSeed: 42, protocol: 'fixed' });
      expect(split.trainRows).toEqual(order.slice(0, k));
      expect(split.devRows).toEqual(order.slice(k, k + 1000));
      expect(split.testRows).toEqual({ test: 'all' });
    }
    expect(splitTask(task, { k: 100, dataSeed: 42, protocol: 'fixed', devSize: 30 }).devRows).toHaveLength(30);
  });

  it('refuses a test set without rows', () => {
    const empty = { ...task, tests: [{ ...task.tests[0]!, rows: [] }] };
    expect(() => splitTask(empty, { k: 100, dataSeed: 42 })).toThrow(
      expect.objectContaining({ code: 'TASK_TOO_SMALL', message: expect.stringContaining('test set "test"') }),
    );
  });

  it('same_k is the default and shares its training rows with fixed', () => {
    const split = splitTask(task, { k: 100, dataSeed: 13 });
    expect(split.protocol).toBe('same_k');
    expect(split.trainRows).toEqual(splitTask(task, { k: 100, dataSeed: 13, protocol: 'fixed' }).trainRows);
    expect(split.devRows).toEqual(numpyPermutation(13, 2490).slice(100, 200));
  });

  it('none: K rows, all that there are if so, and no dev; the seed stays where training has two classes', async () => {
    const split = splitTask(task, { k: 100, dataSeed: 13, protocol: 'none' });
    expect(split.trainRows).toEqual(splitTask(task, { k: 100, dataSeed: 13 }).trainRows);
    expect(split).toMatchObject({ devRows: [], usedSeed: 13 });
    expect(Object.values(split.labelCounts.dev)).toEqual([0, 0]);
    const few = inventedTask(labels(20));
    expect(splitTask(few, { k: 20, dataSeed: 13, protocol: 'none' }).trainRows).toHaveLength(20);
    // One row of the second class: a dev set of two classes there is none.
    const rare = inventedTask(Array.from({ length: 20 }, (_, row) => Number(row === 7)));
    expect(splitTask(rare, { k: 20, dataSeed: 13, protocol: 'none' }).usedSeed).toBe(13);
    expect((await errorOf(() => splitTask(rare, { k: 10, dataSeed: 13 }))).code).toBe('SPLIT_ONE_CLASS');
    expect((await errorOf(() => splitTask(rare, { k: 1, dataSeed: 13, protocol: 'none' }))).message).toContain(
      '1 train rows',
    );
  });

  it('budget: dev is 0.3 / 1.3 of K, or devFraction of it', () => {
    const sizes = (options: Partial<SplitOptions>) => {
      const { trainRows, devRows } = splitTask(task, { k: 100, dataSeed: 13, protocol: 'budget', ...options });
      expect([...trainRows, ...devRows]).toEqual(
        numpyPermutation(13, 2490).slice(0, trainRows.length + devRows.length),
      );
      return [trainRows.length, devRows.length];
    };
    expect(sizes({})).toEqual([77, 23]);
    expect(sizes({ k: 50 })).toEqual([38, 12]);
    expect(sizes({ devFraction: 0.5 })).toEqual([50, 50]);
  });

  it('per_class: equals the cut of its reference script, for two and more classes', () => {
    for (const { seed, k, labels: given, train, dev } of goldens.lmbff) {
      const names = Array.from({ length: Math.max(...given) + 1 }, (_, i) => `class ${i}`);
      const loaded = inventedTask(given, { output: { kind: 'classes', labels: names } });
      const split = splitTask(loaded, { k, dataSeed: seed, protocol: 'per_class' });
      expect(split.trainRows).toEqual(train);
      expect(split.devRows).toEqual(dev);
      expect(Object.values(split.labelCounts.train)).toEqual(names.map(() => k));
      expect(Object.values(split.labelCounts.dev)).toEqual(names.map(() => k));
    }
  });

  it('per_class on scores balances the two sides of the boundary; 2.5 itself is above', () => {
    const scores = Array.from({ length: 60 }, (_, i) => (i % 11) / 2);
    const output = { kind: 'regression', range: [0, 5], classBoundary: 2.5 } as const;
    const split = splitTask(inventedTask(scores, { output }), { k: 8, dataSeed: 13, protocol: 'per_class' });
    const below = split.trainRows.filter((row) => scores[row]! < 2.5);
    expect(below).toHaveLength(8);
    expect(split.labelCounts.dev).toEqual({ 'below 2.5': 8, '2.5 and above': 8 });
  });

  it('is deterministic, disjoint and inside the training range, for all protocols', () => {
    const protocol = fc.constantFrom('fixed' as const, 'same_k' as const, 'budget' as const, 'per_class' as const);
    fc.assert(
      fc.property(protocol, fc.integer({ min: 9, max: 60 }), fc.nat(10000), fc.boolean(), (name, k, dataSeed, even) => {
        const loaded = inventedTask(labels(300, 2));
        const stratify = even && name !== 'per_class';
        const options = { k, dataSeed, protocol: name, stratify, ...(name === 'fixed' && { devSize: 50 }) };
        const split = splitTask(loaded, options);
        expect(splitTask(loaded, options)).toEqual(split);
        const rows = [...split.trainRows, ...split.devRows];
        expect(new Set(rows).size).toBe(rows.length);
        expect(rows.every((row) => Number.isInteger(row) && row >= 0 && row < 300)).toBe(true);
        const perK = name === 'per_class' ? 2 * k : name === 'budget' ? k - split.devRows.length : k;
        expect(split.trainRows).toHaveLength(perK);
      }),
      { numRuns: 60 },
    );
  });

  it('stratify keeps class proportions in train and in dev', () => {
    const skewed = Array.from({ length: 1000 }, (_, i) => (i % 10 === 0 ? 1 : 0));
    const { labelCounts, trainRows } = splitTask(inventedTask(skewed), { k: 50, dataSeed: 3, stratify: true });
    expect(labelCounts).toEqual({ train: { no: 45, yes: 5 }, dev: { no: 45, yes: 5 } });
    const order = numpyPermutation(3, 1000);
    const wanted = [
      ...order.filter((row) => skewed[row] === 0).slice(0, 45),
      ...order.filter((row) => skewed[row] === 1).slice(0, 5),
    ];
    expect([...trainRows].sort()).toEqual(wanted.sort());
  });

  it('stratify gives left-over places to the largest remainders', () => {
    const counts = [61, 27, 12];
    const loaded = inventedTask(
      counts.flatMap((count, label) => new Array<number>(count).fill(label)),
      { output: { kind: 'classes', labels: ['a', 'b', 'c'] } },
    );
    const { labelCounts } = splitTask(loaded, { k: 10, dataSeed: 1, stratify: true });
    // 6.1, 2.7 and 1.2 of ten.
    expect(labelCounts.train).toEqual({ a: 6, b: 3, c: 1 });
    expect(labelCounts.dev).toEqual({ a: 6, b: 3, c: 1 });
  });

  it('stratify can use up all rows', () => {
    const uneven = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2];
    const loaded = inventedTask(uneven, { output: { kind: 'classes', labels: ['a', 'b', 'c'] } });
    const split = splitTask(loaded, { k: 5, dataSeed: 1, stratify: true });
    expect([...split.trainRows, ...split.devRows].sort((a, b) => a - b)).toEqual([...uneven.keys()]);
  });

  it('draws again with seed + 1000 where a set has one class, and says so', () => {
    const rare = Array.from({ length: 400 }, (_, i) => Number(i < 40));
    const seeds = Array.from({ length: 30 }, (_, seed) => splitTask(inventedTask(rare), { k: 8, dataSeed: seed }));
    const again = seeds.filter(({ usedSeed, dataSeed }) => usedSeed !== dataSeed);
    expect(again.length).toBeGreaterThan(0);
    for (const { usedSeed, dataSeed, trainRows, labelCounts, notes } of again) {
      expect((usedSeed - dataSeed) % 1000).toBe(0);
      expect(trainRows).toEqual(numpyPermutation(usedSeed, 400).slice(0, 8));
      expect(Math.min(labelCounts.train['yes']!, labelCounts.dev['yes']!)).toBeGreaterThan(0);
      expect(notes[0]).toContain(`seed ${usedSeed} was used instead`);
      const first = numpyPermutation(dataSeed, 400);
      const classes = (rows: number[]) => new Set(rows.map((row) => rare[row])).size;
      expect(Math.min(classes(first.slice(0, 8)), classes(first.slice(8, 16)))).toBe(1);
    }
    for (const { usedSeed, dataSeed, notes } of seeds) if (usedSeed === dataSeed) expect(notes).toEqual([]);
  });

  it('testCap keeps the same test rows for every data seed', () => {
    const big = inventedTask(labels(100), { testLabels: labels(500) });
    const rows = [1, 2].map((dataSeed) => splitTask(big, { k: 10, dataSeed, testCap: 50 }).testRows['test']);
    expect(rows[0]).toHaveLength(50);
    expect(rows[0]).toEqual(rows[1]);
    expect(splitTask(big, { k: 10, dataSeed: 1, testCap: 50 }).notes.join()).toContain('not for reported numbers');
    expect(splitTask(big, { k: 10, dataSeed: 1, testCap: 500 }).testRows).toEqual({ test: 'all' });
  });

  it('is an artefact: survives JSON, gives its rows back, and notices other data', async () => {
    const split = splitTask(task, { k: 20, dataSeed: 1 });
    const stored = JSON.parse(JSON.stringify(split)) as typeof split;
    expect(stored).toEqual(split);
    const data = splitRows(task, stored);
    expect(data.train.map(({ row }) => row)).toEqual(split.trainRows);
    expect(data.dev.map(({ row }) => row)).toEqual(split.devRows);
    expect(data.tests).toEqual(task.tests);
    const change = (row: number, part: object) =>
      task.train.map((old) => (old.row === row ? { ...old, ...part } : old));
    const other = (train: typeof task.train) => errorOf(() => splitRows({ ...task, train }, split));
    expect((await other(change(split.devRows[0]!, { texts: ['changed'] }))).code).toBe('SPLIT_DATA_CHANGED');
    expect((await other(change(split.trainRows[0]!, { label: 1 - task.train[split.trainRows[0]!]!.label }))).code).toBe(
      'SPLIT_DATA_CHANGED',
    );
    expect((await other(task.train.slice(0, 5))).code).toBe('SPLIT_DATA_CHANGED');
    expect(
      splitRows({ ...task, train: change(numpyPermutation(1, 2490).at(-1)!, { texts: ['not used'] }) }, split),
    ).toEqual(data);
  });

  it('carries the subset mark', () => {
    expect(splitTask({ ...task, subset: true }, { k: 5, dataSeed: 1 }).subset).toBe(true);
    expect(splitTask(task, { k: 5, dataSeed: 1 }).subset).toBe(false);
  });
});

describe('splits of bad input', () => {
  const small = inventedTask(labels(100));
  const failure = (options: SplitOptions, loaded = small) => errorOf(() => splitTask(loaded, options));

  it('K larger than the data names the numbers', async () => {
    const plain = await failure({ k: 60, dataSeed: 1 });
    expect([plain.code, plain.message]).toEqual([
      'SPLIT_TOO_LARGE',
      expect.stringMatching(/60 train \+ 60 dev = 120 rows.*100/),
    ]);
    expect((await failure({ k: 5, dataSeed: 1, protocol: 'fixed' })).code).toBe('SPLIT_TOO_LARGE');
    const perClass = await failure({ k: 30, dataSeed: 1, protocol: 'per_class' });
    expect([perClass.code, perClass.message]).toEqual([
      'SPLIT_TOO_LARGE',
      expect.stringMatching(/class "(no|yes)".*at least 60.*at most 25/),
    ]);
    expect(splitTask(small, { k: 50, dataSeed: 1 }).devRows).toHaveLength(50);
  });

  it('training rows of one class cannot be split', async () => {
    expect((await failure({ k: 10, dataSeed: 1 }, inventedTask(new Array(100).fill(1)))).code).toBe('SPLIT_ONE_CLASS');
    expect((await failure({ k: 1, dataSeed: 1 })).code).toBe('SPLIT_ONE_CLASS');
  });

  it('refuses options that make no sense', async () => {
    const bad: SplitOptions[] = [
      { k: 0, dataSeed: 1 },
      { k: 2.5, dataSeed: 1 },
      { k: 10, dataSeed: 1, protocol: 'other' as 'same_k' },
      { k: 10, dataSeed: 1, devSize: 10 },
      { k: 10, dataSeed: 1, devFraction: 0.5 },
      { k: 10, dataSeed: 1, protocol: 'budget', devFraction: 1 },
      { k: 1, dataSeed: 1, protocol: 'budget' },
      { k: 10, dataSeed: 1, protocol: 'per_class', stratify: true },
      { k: 10, dataSeed: 1, testCap: 0 },
      { k: 10, dataSeed: 1, protocol: 'fixed', devSize: -1 },
    ];
    for (const options of bad)
      expect([options, (await failure(options)).code]).toEqual([options, 'SPLIT_OPTION_INVALID']);
    expect((await failure({ k: 10, dataSeed: -1 })).code).toBe('SEED_INVALID');
  });
});
