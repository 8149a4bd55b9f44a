import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  formatKernels,
  formatRanking,
  kernelBehaviour,
  kernelReport,
  measureKernels,
  type MeasureKernelsOptions,
  parseExperiment,
  promptOfTask,
  rankKernels,
} from '@tfjs-peft/eval';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { openSession, type Session } from '@tfjs-peft/eval/trial';
import * as tf from '@tensorflow/tfjs';
import { onPrompts } from '../src/trial/prompted-host.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { mcNemar } from '../src/kernel/rank-kernels.js';
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
    writeFileSync(path, good.toString('latin1').replace('"version":1', '"version":2'), 'latin1');
    await expect(measure({ cache: own })).rejects.toMatchObject({
      code: 'KERNEL_CACHE_INVALID',
      message: expect.stringContaining('other texts'),
    });
    writeFileSync(path, 'no header');
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
    await expect(measure(changes)).rejects.toMatchObject({ code });
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

  it('tests as McNemar does', () => {
    expect(mcNemar(wrongAt(0), wrongAt(0), labels)).toBe(1);
    expect(mcNemar(wrongAt(0), wrongAt(6), labels)).toBeCloseTo(2 / 64, 12);
    expect(mcNemar(wrongAt(0), wrongAt(5), labels)).toBeCloseTo(2 / 32, 12);
  });
});

describe('prompts', () => {
  it('put the head that starts as the words in the place of every head, through simplexes', () => {
    const part = { type: 'BITFIT', config: {} };
    const method = {
      type: 'SUBSPACE',
      config: { vertices: 2 },
      parts: [{ type: 'COMPOSE', config: {}, parts: [part, { type: 'HEAD', config: {} }] }],
    };
    const prompt = { template: '*mask**sent_0*', words: ['bad', 'good'] };
    const found = onPrompts(method, ['no', 'yes'], { tokenIds: [5, 6], ...prompt });
    expect(found.parts![0]!.parts).toEqual([
      part,
      { type: 'LABEL_WORD_HEAD', config: { labels: ['no', 'yes'], tokenIds: [5, 6], prompt } },
    ]);
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
});
