import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { constantBaseline, labelsOf, majorityBaseline } from './evaluate-metrics.js';
import { glueTasks } from './glue-tasks.js';
import { numpyPermutation } from './numpy-permutation.js';
import { splitTask } from './split-task.js';
import { createTaskRegistry, loadTask } from './task-registry.js';

/** The official data may not be copied into the repository; they lie beside it where these tests run. */
const dataDirectory = fileURLToPath(new URL('../../../../shared/data/glue', import.meta.url));
const present = existsSync(dataDirectory);
if (!present) process.stderr.write('real-glue.spec.ts: skipped, no folder shared/data/glue beside the repository\n');

(present ? describe : describe.skip)('the real GLUE files', () => {
  const registry = createTaskRegistry(glueTasks);
  const load = (name: string) => loadTask(registry, name, { dataDirectory });

  it.each(['cola', 'sst2', 'mrpc', 'stsb', 'rte', 'wnli'])('%s is complete', async (name) => {
    const loaded = await load(name);
    expect(loaded.task.sizes).toEqual({
      train: loaded.train.length,
      tests: loaded.tests.map(({ rows }) => rows.length),
    });
    expect([loaded.subset, loaded.notes]).toEqual([false, []]);
  });

  it.each([
    ['qnli', 9999, [5463]],
    ['mnli', 8999, [1000]],
    ['qqp', 31868, [1000]],
  ])('%s is a cut and its splits say so', async (name, train, tests) => {
    const loaded = await load(name);
    expect([loaded.train.length, loaded.tests.map(({ rows }) => rows.length)]).toEqual([train, tests]);
    expect(splitTask(loaded, { k: 16, dataSeed: 13, protocol: 'per_class' }).subset).toBe(true);
  });

  it('raw MSR text of MRPC keeps its quotes', async () => {
    const { tests } = await load('mrpc');
    expect(tests[0]!.rows[0]!.texts[1]).toBe(
      '"The foodservice pie business does not fit our long-term growth strategy.',
    );
  });

  it('splits are slices of numpy’s permutation, and RTE and MRPC allow the fixed protocol up to K = 1,000', async () => {
    for (const name of ['rte', 'mrpc']) {
      const loaded = await load(name);
      const order = numpyPermutation(42, loaded.train.length);
      const split = splitTask(loaded, { k: 1000, dataSeed: 42, protocol: 'fixed' });
      expect([split.usedSeed, split.trainRows, split.devRows]).toEqual([
        42,
        order.slice(0, 1000),
        order.slice(1000, 2000),
      ]);
    }
  });

  it('constant predictions score the known floors', async () => {
    const floor = async (name: string, prediction: number) => {
      const loaded = await load(name);
      return constantBaseline(loaded.task, prediction, labelsOf(loaded.tests[0]!.rows));
    };
    expect((await floor('mrpc', 1)).values).toEqual({
      accuracy: expect.closeTo(68.38, 2),
      f1: expect.closeTo(81.22, 2),
    });
    expect(await floor('cola', 1)).toMatchObject({ headline: 0, undefinedCount: 1 });
    expect((await floor('qqp', 0)).headline).toBe(0);
    expect(await floor('stsb', 2.5)).toMatchObject({ headline: 0, undefinedCount: 2 });
    expect((await floor('sst2', 1)).headline).toBeCloseTo(50.92, 2);
    expect((await floor('rte', 0)).headline).toBeCloseTo(52.71, 2);
    expect((await floor('qnli', 1)).headline).toBeCloseTo(50.54, 2);
  });

  it('the majority of the training rows is the constant of those floors', async () => {
    for (const [name, wanted] of [
      ['mrpc', 'equivalent'],
      ['cola', 'acceptable'],
      ['qqp', 'not_duplicate'],
      ['sst2', 'positive'],
      ['rte', 'entailment'],
    ] as const) {
      const { task, train, tests } = await load(name);
      expect([name, majorityBaseline(task, labelsOf(train), labelsOf(tests[0]!.rows)).predictionName]).toEqual([
        name,
        wanted,
      ]);
    }
  });
});
