import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { adaptStart, openPredictor, prepareStart, readPreparedRecord, tryStart } from '../src/index.js';
import { createCatalogue } from '../src/exports/methods.js';
import { temporaryFolder, writeTinyModel } from './tiny-model.js';

useTestBackend();

const root = temporaryFolder();
const at = (name: string) => join(root, name);
const catalogue = createCatalogue();
const columns = { textColumn: 'text', labelColumn: 'label' };
let model = '';

function writeTask(path: string, words: readonly [string, string], labels: readonly [string, string]): void {
  const rows = labels.flatMap((label, index) =>
    Array.from({ length: 10 }, (_, i) => `w${i} ${words[index]} w${(3 * i + index) % 20},${label}`),
  );
  writeFileSync(path, ['text,label', ...rows, ''].join('\n'));
}

beforeAll(async () => {
  model = await writeTinyModel(at('model'));
  mkdirSync(at('tasks'));
  writeTask(at('tasks/first.csv'), ['good', 'bad'], ['a', 'b']);
  writeTask(at('tasks/second.csv'), ['bad', 'good'], ['c', 'd']);
  writeTask(at('tasks/held.csv'), ['w11', 'w12'], ['e', 'f']);
  writeTask(at('new.csv'), ['good', 'bad'], ['ham', 'spam']);
});

const prepare = (output: string, more: Partial<Parameters<typeof prepareStart>[0]>) =>
  prepareStart({
    tasks: at('tasks'),
    heldOut: ['held'],
    columns,
    output: at(output),
    method: 'lora',
    rule: 'fomaml',
    model: { name: model, readout: null, dropout: null },
    shots: 2,
    queries: 2,
    ways: null,
    sharedHead: false,
    inner: { optimiser: 'sgd', learningRate: 0.1, steps: 1 },
    updates: 2,
    episodes: 2,
    seed: 1,
    maxTokens: 16,
    catalogue,
    backend: 'current',
    ...more,
  });
const adapt = (prepared: string, output: string, steps = 2, more: Partial<Parameters<typeof adaptStart>[0]> = {}) =>
  adaptStart({
    prepared: at(prepared),
    task: at('new.csv'),
    columns,
    output: at(output),
    shots: 5,
    steps,
    seed: 1,
    catalogue,
    backend: 'current',
    ...more,
  });

describeOnNative('a prepared start', () => {
  it('learns what it was prepared for: more steps, fewer mistakes', async () => {
    await prepare('long', { updates: 12, inner: { optimiser: 'adamw', learningRate: 0.02, steps: 3 } });
    const adapted = await adapt('long', 'learned', 30);
    expect(adapted.after!).toBeGreaterThan(95);
    const predictor = await openPredictor(at('learned'), { backend: 'current' });
    const [ham, spam] = await predictor.predict(['w1 good w2', 'w1 bad w2']);
    expect([ham!.label, spam!.label]).toEqual(['ham', 'spam']);
    predictor.dispose();
  });

  it.each(['prefix-subspace', 'prefix-flat', 'tarp-scaled-subspace', 'unipelt', 'full'])(
    'is made of %s, and its adapter is read',
    async (method) => {
      await prepare(method, { method, rule: 'reptile' });
      expect((await readPreparedRecord(at(method)))!.curve).toHaveLength(5);
      const { labels } = await adapt(method, `${method}-adapted`);
      const predictor = await openPredictor(at(`${method}-adapted`), { backend: 'current' });
      expect(labels).toContain((await predictor.predict(['w1 good w2']))[0]!.label);
      predictor.dispose();
    },
    60_000,
  );

  it('is refused of a method that needs a head, but for one that tasks share', async () => {
    await expect(prepare('sift', { method: 'sift' })).rejects.toMatchObject({ code: 'METHOD_UNFIT' });
    await expect(prepare('sift', { method: 'sift', sharedHead: true })).rejects.toMatchObject({
      code: 'LABELS_MISMATCH',
    });
    await expect(prepare('lora', { sharedHead: true, ways: 2 })).rejects.toMatchObject({ code: 'LABELS_MISMATCH' });
    mkdirSync(at('same'));
    writeTask(at('same/one.csv'), ['good', 'bad'], ['ham', 'spam']);
    writeTask(at('same/two.csv'), ['w13', 'w14'], ['ham', 'spam']);
    await prepare('sift', { method: 'sift', sharedHead: true, tasks: at('same'), heldOut: [] });
    expect((await adapt('sift', 'sift-adapted')).labels).toEqual(['ham', 'spam']);
    const tried = { columns, shots: 2, queries: 2, at: [0, 1], seed: 1, catalogue, backend: 'current' } as const;
    const tryOn = (...tasks: string[]) => tryStart({ ...tried, prepared: at('sift'), tasks: tasks.map(at) });
    expect((await tryOn('new.csv')).prepared).toHaveLength(2);
    await expect(tryOn('new.csv', 'tasks/first.csv')).rejects.toMatchObject({ code: 'LABELS_MISMATCH' });
  });

  it('is refused before it is trained where a task is too small to judge by', async () => {
    mkdirSync(at('few'));
    writeTask(at('few/large.csv'), ['good', 'bad'], ['ham', 'spam']);
    writeFileSync(at('few/small.csv'), 'text,label\nw1 good,ham\nw2 bad,spam\n');
    const events: string[] = [];
    await expect(
      prepare('few-start', { tasks: at('few'), heldOut: ['small'], onEvent: ({ type }) => void events.push(type) }),
    ).rejects.toMatchObject({ code: 'TASK_TOO_SMALL' });
    expect(events).not.toContain('step');
  });

  it('is judged by texts of a file: at most 1,000 by chance, labels as they were learned', async () => {
    await prepare('judged', {});
    const rows = ['ham', 'spam'].flatMap((label, index) =>
      Array.from(
        { length: 800 },
        (_, i) => `w${i % 20} ${index ? 'bad' : 'good'} w${(i >> 4) % 20} w${i % 7},${label}`,
      ),
    );
    writeFileSync(at('test.csv'), ['text,label', ...rows, ''].join('\n'));
    const more = { shots: null, test: at('test.csv') };
    const { judged, after, shots } = await adapt('judged', 'judged-adapted', 30, more);
    expect([judged, shots]).toEqual([1000, 20]);
    // Of the first 1,000 rows 800 are of one class.
    expect(after).not.toBe(80);
    const predictor = await openPredictor(at('judged-adapted'), { backend: 'current' });
    expect(predictor.maxTokens).toBe(16);
    predictor.dispose();
    writeFileSync(at('test.csv'), ['text,label', 'w1 good,Ham', 'w2 bad,spam', ''].join('\n'));
    await expect(adapt('judged', 'other', 1, more)).rejects.toMatchObject({ code: 'TASK_LABEL_UNKNOWN' });
  });

  it('that led nowhere is said to have diverged', async () => {
    const inner = { optimiser: 'sgd' as const, learningRate: 1e38, steps: 1 };
    const { curve } = await prepare('diverged', { inner, updates: 1 });
    expect(curve.at(-1)).toMatchObject({ steps: 10, loss: null });
    expect((await readPreparedRecord(at('diverged')))!.curve).toEqual(curve);
  });

  it('chooses an architecture for the task, and computes nothing else', async () => {
    await prepare('tams', { method: 'tams' });
    const { architectures } = await adapt('tams', 'tams-adapted');
    expect(architectures.tams).toHaveLength(9);
    const predictor = await openPredictor(at('tams-adapted'), { backend: 'current' });
    expect((await predictor.predict(['w1 good w2']))[0]!.label).toMatch(/ham|spam/);
    predictor.dispose();
  });
});
