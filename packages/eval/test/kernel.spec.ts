import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  computeKernelBlocks,
  formatKernels,
  formatRanking,
  kernelBehaviour,
  kernelReport,
  measureBehaviour,
  measureKernels,
  type MeasureKernelsOptions,
  parseExperiment,
  prepareKernels,
  promptOfTask,
  rankKernels,
} from '@tfjs-peft/eval';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { openSession, type Session } from '@tfjs-peft/eval/trial';
import * as tf from '@tensorflow/tfjs';
import { onPrompts } from '../src/trial/prompted-host.js';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { tinyExperiment } from './tiny-experiment.js';

useTestBackend();

let session: Session;
let folder: string;
beforeAll(async () => {
  const { config, root } = await tinyExperiment();
  folder = join(root, 'kernels');
  session = await openSession(parseExperiment(config), { catalogue: createCatalogue(), backend: {} });
});
afterAll(() => session.dispose());
const measure = (changes: Partial<MeasureKernelsOptions> = {}) =>
  measureKernels({ session, dataSeed: 13, methods: ['bitfit'], full: false, ...changes });

describe('measureKernels', () => {
  it('gives a classifier and shares for each method before any training, from the cache the second time', async () => {
    const seen: string[] = [];
    const methods = ['lora', 'bitfit', 'prefix-flat-subspace'];
    const options = {
      methods,
      full: true,
      cache: folder,
      onProgress: ({ method }: { method: string }) => seen.push(method),
    };
    const found = await measure(options);
    expect(found.rows.map(({ method }) => method)).toEqual([
      'all weights',
      'lora',
      'bitfit',
      'prefix-flat-subspace (midpoint)',
      'prefix-flat-subspace (vertex 0)',
      'prefix-flat-subspace (vertex 1)',
    ]);
    for (const row of found.rows) {
      // "good" and "bad" are far apart already.
      expect(row.test).toBeGreaterThan(80);
      expect(row.effectiveRank).toBeGreaterThanOrEqual(1);
      expect(Math.abs(row.fullAlignment!)).toBeLessThanOrEqual(1 + 1e-9);
      expect(row.parameters).toBeGreaterThan(0);
    }
    const [all, , bitfit] = found.rows;
    expect(all!.traceShare).toBe(1);
    expect(bitfit!.traceShare).toBeGreaterThan(0);
    expect(bitfit!.traceShare).toBeLessThan(1);
    expect(new Set(seen).size).toBe(4);
    const before = tf.memory().numTensors;
    const again = await measure(options);
    const comparable = (measurement: typeof found) => measurement.rows.map(({ seconds: _, ...row }) => row);
    expect(comparable(again)).toEqual(comparable(found));
    expect(tf.memory().numTensors).toBe(before);
    expect(readdirSync(folder).length).toBe(12);
    expect(formatKernels(found)).toMatch(/bitfit/);
    expect(formatRanking(found)).toMatch(/1=/);
    expect(await kernelReport(found)).toMatch(/^<!doctype html>[\s\S]*Ranking on development texts/i);
  });

  it('refuses a file that is not what its name says', async () => {
    const own = join(folder, 'bad');
    await measure({ cache: own });
    const [first] = readdirSync(own);
    const path = join(own, first!);
    const good = readFileSync(path);
    const flipped = Buffer.from(good);
    flipped[flipped.length - 3]! ^= 1;
    writeFileSync(path, flipped);
    await expect(measure({ cache: own })).rejects.toMatchObject({ code: 'KERNEL_CACHE_INVALID' });
    // A kernel of other data under this name.
    writeFileSync(path, good.toString('latin1').replace(/"version":\d+/, '"version":0'), 'latin1');
    await expect(measure({ cache: own })).rejects.toMatchObject({
      code: 'KERNEL_CACHE_INVALID',
      message: expect.stringContaining('other texts'),
    });
    writeFileSync(path, 'no header');
    await expect(measure({ cache: own })).rejects.toMatchObject({ code: 'KERNEL_CACHE_INVALID' });
  });

  it('goes on where an earlier run stopped, and is the same bits from any number of shares', async () => {
    const options = { batchSize: 8, kind: 'asymmetric-signgd', solver: 'asymmetric-svm' } as const;
    const comparable = ({ rows }: Awaited<ReturnType<typeof measure>>) => rows.map(({ seconds: _, ...row }) => row);
    const bytesIn = (own: string) =>
      readdirSync(own).map((file) => [
        file,
        createHash('sha256')
          .update(readFileSync(join(own, file)))
          .digest('hex'),
      ]);
    const [whole, stopped, shared] = ['whole', 'stopped', 'shared'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const expected = await measure({ ...options, cache: whole });
    const stop = new AbortController();
    let batches = 0;
    const onProgress = () => (batches++ === 1 ? stop.abort() : undefined);
    await expect(measure({ ...options, cache: stopped, onProgress, signal: stop.signal })).rejects.toMatchObject({
      code: 'KERNEL_ABORTED',
    });
    const [blocks] = readdirSync(stopped).filter((name) => name.endsWith('.blocks'));
    expect(readdirSync(join(stopped, blocks!))).toHaveLength(2);
    expect(comparable(await measure({ ...options, cache: stopped }))).toEqual(comparable(expected));
    expect(bytesIn(stopped)).toEqual(bytesIn(whole));
    const all = { session, dataSeed: 13, methods: ['bitfit'], full: false, ...options, cache: shared };
    for (const index of [1, 0]) await computeKernelBlocks(all, { index, of: 2 });
    // Nothing is computed any more: every block is there.
    const forward = jest.spyOn(session.host, 'forward');
    const before = forward.mock.calls.length;
    expect(comparable(await measureKernels(all))).toEqual(comparable(expected));
    expect(bytesIn(shared)).toEqual(bytesIn(whole));
    const calls = forward.mock.calls.length - before;
    forward.mockRestore();
    // Features of the head, its outputs, and one batch for each kernel to plan by.
    expect(calls).toBeLessThan(batches + 12);
  });

  it('refuses a block that is damaged', async () => {
    const own = join(folder, 'blocks');
    await computeKernelBlocks(
      { session, dataSeed: 13, methods: ['bitfit'], full: false, cache: own },
      { index: 0, of: 1 },
    );
    const [blocks] = readdirSync(own);
    const [first] = readdirSync(join(own, blocks!));
    const path = join(own, blocks!, first!);
    const bytes = readFileSync(path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
    await expect(measure({ cache: own })).rejects.toMatchObject({ code: 'KERNEL_CACHE_INVALID' });
  });

  it('knows the kernels of sign descent, and both solvers for the asymmetric one', async () => {
    for (const solver of ['least-squares', 'asymmetric-svm', 'logistic'] as const) {
      const { rows } = await measure({ kind: 'asymmetric-signgd', solver });
      expect(rows[0]!.test).toBeGreaterThan(70);
    }
    expect((await measure({ kind: 'signgd' })).rows[0]!.test).toBeGreaterThan(70);
  });

  it.each([
    ['a floor', 'KERNEL_METHOD_UNFIT', { methods: ['majority'] }],
    ['an unknown method', 'UNKNOWN_PRESET', { methods: ['bitfitt'] }],
    ['the asymmetric machine on a symmetric kernel', 'OPTION_INVALID', { solver: 'asymmetric-svm' as const }],
    ['too little memory', 'KERNEL_MEMORY_TOO_SMALL', { memoryLimit: 10 }],
  ])('refuses %s', async (_name, code, changes) => {
    const seen: string[] = [];
    const onProgress = ({ method }: { method: string }) => void seen.push(method);
    await expect(measure({ full: true, ...changes, onProgress })).rejects.toMatchObject({ code });
    expect(seen).toEqual([]);
  });
});

describeOnNative('prepareKernels', () => {
  it('computes the same bits in two processes as in one', async () => {
    const { config, root } = await tinyExperiment();
    const experiment = parseExperiment(config);
    const options = { dataSeed: 13, methods: ['bitfit', 'lora'], full: true, batchSize: 8, cache: join(root, 'two') };
    const told: number[] = [];
    const job = { config: experiment, modules: [], backend: 'tensorflow' as const, options };
    await prepareKernels(job, 2, ({ ofAll }) => told.push(ofAll));
    expect(told.at(-1)).toBeCloseTo(1, 12);
    const own = await openSession(experiment, { catalogue: createCatalogue(), backend: {} });
    const before = readdirSync(options.cache);
    await measureKernels({ ...options, session: own });
    const one = join(root, 'one');
    await measureKernels({ ...options, session: own, cache: one });
    own.dispose();
    expect(before.every((name) => name.endsWith('.blocks'))).toBe(true);
    expect(readdirSync(one)).toEqual(readdirSync(options.cache));
    for (const name of readdirSync(one))
      expect(readFileSync(join(one, name)).equals(readFileSync(join(options.cache, name)))).toBe(true);
    await expect(prepareKernels({ ...job, options: { ...options, methods: ['none'] } }, 1)).rejects.toMatchObject({
      code: 'UNKNOWN_PRESET',
    });
  });
});

describeOnNative('measureBehaviour', () => {
  const ask = (rate: number, steps: number) =>
    measureBehaviour({
      ...{ session, dataSeed: 13, optimisers: ['sgd', 'adamw', 'sign_descent'], steps },
      rates: { sgd: [rate], adamw: [rate / 100], sign_descent: [rate / 100] },
    });

  it('finds a model that hardly moved linear, its features fixed, and one that moved far neither', async () => {
    const near = await ask(1e-6, 10);
    expect(near.kernels.map(({ kind }) => kind)).toEqual(['sgd', 'signgd', 'asymmetric-signgd']);
    expect(near.optimisers.map(({ optimiser }) => optimiser)).toEqual(['sgd', 'adamw', 'sign_descent']);
    for (const found of near.optimisers) {
      expect(found.linearised).toBe(found.fineTuned);
      expect(found.fineTuned).toBe(near.headAlone);
      expect(found.featureChange).toBeLessThan(1e-3);
    }
    const [ofSgd, , asymmetric] = near.kernels;
    expect(near.optimisers.map(({ kernel }) => kernel)).toEqual([ofSgd!.test, asymmetric!.test, asymmetric!.test]);
    // The kernel of gradient descent is that of `measureKernels`.
    expect(ofSgd!.test).toBe((await measure({ methods: [], full: true })).rows[0]!.test);
    const before = tf.memory().numTensors;
    const far = await ask(0.5, 30);
    expect(tf.memory().numTensors).toBe(before);
    for (const { featureChange, dev } of far.optimisers) {
      expect(featureChange).toBeGreaterThan(0.01);
      expect(dev).toBeGreaterThan(0);
    }
  });

  it('refuses an optimiser without a rate', async () => {
    await expect(
      measureBehaviour({ session, dataSeed: 13, optimisers: ['sgd'], rates: { sgd: [] } }),
    ).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });
});

describe('rankKernels', () => {
  const labels = Array.from({ length: 20 }, (_, i) => i % 2);
  const wrongAt = (count: number) => labels.map((label, i) => (i < count ? 1 - label : label));
  const row = (method: string, wrong: number) => ({ method, dev: 100 - 5 * wrong, devPredictions: wrongAt(wrong) });
  const rank = (...rows: ReturnType<typeof row>[]) =>
    rankKernels({ rows, devLabels: labels } as never).map(({ method, place }) => [method, place]);

  it('gives one place to what the development texts do not separate', () => {
    expect(rank(row('c', 9), row('a', 0), row('b', 2))).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 3],
    ]);
  });

  it('tests as McNemar does, however many texts differ', () => {
    const besideFirst = (devLabels: readonly number[], ...predictions: (readonly number[])[]) => {
      const rows = predictions.map((devPredictions) => ({ dev: 0, devPredictions }));
      const { place, p } = rankKernels({ rows, devLabels } as never, 0)[1]!;
      return { place, p };
    };
    expect(besideFirst(labels, wrongAt(0), wrongAt(0))).toEqual({ place: 1, p: 1 });
    expect(besideFirst(labels, wrongAt(0), wrongAt(6)).p).toBeCloseTo(2 / 64, 12);
    expect(besideFirst(labels, wrongAt(0), wrongAt(5)).p).toBeCloseTo(2 / 32, 12);
    const many = Array.from({ length: 1200 }, (_, text) => Number(text < 600));
    const others = many.map((right) => 1 - right);
    expect(
      besideFirst(
        many.map(() => 1),
        many,
        others,
      ),
    ).toEqual({ place: 1, p: 1 });
  });
});

describe('prompts', () => {
  it('put the head that starts as the words in the place of every head, through simplexes', () => {
    const part = { type: 'BITFIT', config: {} };
    const method = {
      type: 'SUBSPACE',
      config: { vertices: 2 },
      parts: [
        { type: 'COMPOSE', config: {}, parts: [part, { type: 'HEAD', config: { dropout: 0.3, name: 'words' } }] },
      ],
    };
    const prompt = { template: '*mask**sent_0*', words: ['bad', 'good'] };
    const found = onPrompts(method, ['no', 'yes'], { tokenIds: [5, 6], ...prompt });
    expect(found.parts![0]!.parts).toEqual([
      part,
      {
        type: 'LABEL_WORD_HEAD',
        config: { labels: ['no', 'yes'], tokenIds: [5, 6], prompt, dropout: 0.3, name: 'words' },
      },
    ]);
    for (const config of [{ hidden: 'tanh' }, { readout: 'mean' }])
      expect(() =>
        onPrompts({ type: 'HEAD', config: config as never }, ['no', 'yes'], { tokenIds: [5, 6], ...prompt }),
      ).toThrow(expect.objectContaining({ code: 'HEAD_UNSUPPORTED' }));
    expect(promptOfTask('sst2').words).toEqual(['terrible', 'great']);
    expect(() => promptOfTask('toString')).toThrow(expect.objectContaining({ code: 'PROMPT_UNKNOWN' }));
  });
});

describe('kernelBehaviour', () => {
  const fineTuned = [80, 82, 81, 79];
  const input = { fineTuned, featureChange: [0.1, 0.3, 0.2, 0.2] };
  it.each([
    ['yes', fineTuned, fineTuned],
    ['no', [50, 52, 49, 51], fineTuned],
    ['no', fineTuned, [50, 52, 49, 51]],
    ['cannot say', [60, 90, 72, 75], fineTuned],
  ] as const)('says %s', (verdict, kernel, linearised) => {
    const found = kernelBehaviour({ ...input, kernel, linearised });
    expect(found.verdict).toBe(verdict);
    expect(found.featureChange).toBeCloseTo(0.2, 12);
  });

  it('says yes of what is the same, below zero and without any spread too', () => {
    for (const values of [
      [-5, -6, -4, -5.5],
      [80, 80, 80, 80],
    ])
      expect(kernelBehaviour({ ...input, fineTuned: values, kernel: values, linearised: values }).verdict).toBe('yes');
    const flat = { ...input, fineTuned: [80, 80, 80, 80], linearised: [80, 80, 80, 80] };
    expect(kernelBehaviour({ ...flat, kernel: [70, 70, 70, 70] }).solved).toBe('no');
    expect(kernelBehaviour({ ...flat, kernel: [72, 72, 72, 72] }).solved).toBe('cannot say');
  });
});
