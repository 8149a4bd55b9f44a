import { describe, expect, it } from '@jest/globals';
import { errorOf } from '../test/error-of.js';
import { parquet, temporaryFolders } from '../test/temporary-folder.js';
import { glueTasks } from './glue-tasks.js';
import { createTaskRegistry, loadTask } from './task-registry.js';

const registry = createTaskRegistry(glueTasks);
const folder = temporaryFolders();
const load = async (name: string, files: Readonly<Record<string, string | Uint8Array>>) =>
  loadTask(registry, name, { dataDirectory: await folder(files) });
const rows = (loaded: Awaited<ReturnType<typeof load>>) => loaded.train.map(({ texts, label }) => [...texts, label]);

describe('the Hub’s Parquet layout', () => {
  const pairs = (first: string, second: string, labels: readonly unknown[], type: 'INT64' | 'FLOAT' = 'INT64') =>
    parquet(
      [first, 'STRING', ['Ä one', 'two']],
      [second, 'STRING', ['x', 'y']],
      ['label', type, labels],
      ['idx', 'INT32', [0, 1]],
    );

  it('reads train and validation with BigInt labels', async () => {
    const file = parquet(
      ['sentence', 'STRING', ['fine \u{1f600}', 'poor']],
      ['label', 'INT64', [1n, 0n]],
      ['idx', 'INT32', [0, 1]],
    );
    const loaded = await load('sst2', {
      'sst2/train-00000-of-00001.parquet': file,
      'sst2/validation-00000-of-00001.parquet': file,
      'sst2/test-00000-of-00001.parquet': parquet(['sentence', 'STRING', ['?']], ['label', 'INT64', [-1n]]),
    });
    expect(rows(loaded)).toEqual([
      ['fine \u{1f600}', 1],
      ['poor', 0],
    ]);
    expect(loaded.tests[0]!.rows).toEqual(loaded.train);
  });

  it('reads shards in order, in both ways of naming them', async () => {
    const [a, b] = [pairs('question', 'sentence', [0n, 1n]), pairs('question', 'sentence', [1n, 1n])];
    const named = await load('qnli', {
      'qnli/train-00001-of-00002.parquet': b,
      'qnli/train-00000-of-00002.parquet': a,
      'qnli/validation-00000-of-00001.parquet': a,
    });
    const numbered = await load('qnli', {
      'qnli/train/0001.parquet': b,
      'qnli/train/0000.parquet': a,
      'qnli/validation/0000.parquet': a,
    });
    expect(named.train.map(({ row, label }) => [row, label])).toEqual([
      [0, 0],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    expect(numbered.train).toEqual(named.train);
  });

  it('reads float scores and both MNLI sets', async () => {
    const scores = pairs('sentence1', 'sentence2', [5, 2.5], 'FLOAT');
    const stsb = await load('stsb', { 'stsb/train/0000.parquet': scores, 'stsb/validation/0000.parquet': scores });
    expect(rows(stsb)).toEqual([
      ['Ä one', 'x', 5],
      ['two', 'y', 2.5],
    ]);
    const mnli = pairs('premise', 'hypothesis', [2n, 0n]);
    const both = await load('mnli', {
      'mnli/train-00000-of-00001.parquet': mnli,
      'mnli/validation_matched-00000-of-00001.parquet': mnli,
      'mnli/validation_mismatched-00000-of-00001.parquet': pairs('premise', 'hypothesis', [1n, 1n]),
    });
    expect(both.tests.map(({ name, rows }) => [name, rows[0]!.label])).toEqual([
      ['matched', 2],
      ['mismatched', 1],
    ]);
  });

  it('names missing shards and files that are no Parquet', async () => {
    const file = pairs('question', 'sentence', [0n, 1n]);
    const missing = await errorOf(() => load('qnli', { 'qnli/train-00000-of-00002.parquet': file }));
    expect([missing.code, missing.message]).toEqual(['TASK_FILE_MALFORMED', expect.stringContaining('1 of 2 shards')]);
    const gap = await errorOf(() => load('qnli', { 'qnli/train/0001.parquet': file }));
    expect([gap.code, gap.message]).toEqual(['TASK_FILE_MALFORMED', expect.stringContaining('0001.parquet')]);
    for (const content of [
      'version https://git-lfs.github.com/spec/v1\n',
      file.slice(0, file.length - 30),
      new Uint8Array(0),
    ]) {
      const broken = await errorOf(() => load('qnli', { 'qnli/train/0000.parquet': content }));
      expect([broken.code, broken.message]).toEqual(['TASK_FILE_UNREADABLE', expect.stringContaining('0000.parquet')]);
    }
    const other = parquet(['text', 'STRING', ['?']], ['label', 'INT64', [1n]]);
    const unlike = await errorOf(() =>
      load('qnli', { 'qnli/train/0000.parquet': file, 'qnli/train/0001.parquet': other }),
    );
    expect([unlike.code, unlike.message]).toEqual([
      'TASK_FILE_MALFORMED',
      expect.stringContaining('0001.parquet: columns text'),
    ]);
  });

  it('says that -1 is a hidden test label', async () => {
    const hidden = await errorOf(() =>
      load('qnli', { 'qnli/train/0000.parquet': pairs('question', 'sentence', [0n, -1n]) }),
    );
    expect([hidden.code, hidden.message]).toEqual([
      'TASK_LABEL_UNKNOWN',
      expect.stringMatching(/row 1: label "-1".*hidden labels/),
    ]);
  });
});
