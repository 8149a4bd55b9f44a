import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { growthOfTime, linearGrowth } from '../../../tools/jest/growth-of-time.js';
import { errorOf } from '../test/error-of.js';
import { structTexts } from '../test/parquet-samples.js';
import { temporaryFolders } from '../test/temporary-folder.js';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { splitTask } from './split-task.js';
import { type Cell, type Table, tableOf } from './table.js';
import { createTaskRegistry, loadTask } from './task-registry.js';
import { type FileTaskOptions, taskFromFile } from './task-from-file.js';
import { taskFromTable } from './task-from-table.js';

const folder = temporaryFolders();
const columns = { textColumn: 'text', labelColumn: 'label' };
const load = async (name: string, content: string | Uint8Array, options: Partial<FileTaskOptions> = {}) => {
  const task = await taskFromFile({ file: join(await folder({ [name]: content }), name), ...columns, ...options });
  return loadTask(createTaskRegistry([task]), task.name);
};
const labelsOf = async (...parameters: Parameters<typeof load>) => {
  const { output } = (await load(...parameters)).task;
  return output.kind === 'classes' ? output.labels : [];
};
const csv = (...labels: readonly string[]) =>
  ['text,label', ...labels.map((label, i) => `text ${i},${label}`)].join('\n');
const jsonl = (...rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n');

describe('cells that are no texts and no labels', () => {
  it.each<[string, string, string | Uint8Array, RegExp]>([
    ['records', 't.parquet', structTexts, /row 0: a record with fields in column "text".*a text/],
    [
      'lists of words',
      't.jsonl',
      jsonl({ text: ['a', 'b'], label: 'x' }, { text: ['c'], label: 'y' }),
      /line 1: a list of 2 values in column "text".*join/,
    ],
    [
      'lists of labels',
      't.jsonl',
      jsonl({ text: 'a', label: ['x'] }, { text: 'b', label: ['y', 'z'] }),
      /line 1: a list of 1 value in column "label".*one label/,
    ],
    ['lists of labels as text', 't.csv', csv("['x']", "['y']"), /line 2: the list "\['x'\]" in column "label"/],
  ])('refuses %s', async (_, name, content, message) => {
    const error = await errorOf(() => load(name, content));
    expect([error.code, error.message]).toEqual(['TASK_COLUMN_UNFIT', expect.stringMatching(message)]);
  });

  it('lets them be in columns that nobody asks for', async () => {
    const rows = jsonl({ text: 'a', label: 'x', tags: [1] }, { text: 'b', label: 'y', meta: { a: 1 } });
    expect(await labelsOf('t.jsonl', rows)).toEqual(['x', 'y']);
  });
});

describe('labels', () => {
  it('that differ in spelling alone are one class, with a warning', async () => {
    const loaded = await load('t.csv', csv('0', '1', '0', '1.0', '1', '0'));
    expect(loaded.task.output).toMatchObject({ labels: ['0', '1'] });
    expect(loaded.warnings).toEqual([expect.stringMatching(/one label in 2 ways \("1", "1\.0"\): .*class "1"/)]);
    expect(await labelsOf('t.csv', csv('caf\u00e9', 'cafe\u0301', 'tea', 'tea'))).toEqual(['caf\u00e9', 'tea']);
    expect(await labelsOf('t.csv', csv('007', '7', '007', '7'))).toEqual(['007', '7']);
    expect((await load('t.csv', csv('a', 'b', 'a', 'b'))).warnings).toEqual([]);
  });

  it('mean the same in the test file', async () => {
    const testFile = join(await folder({ 'test.csv': csv('0.0', '1.0') }), 'test.csv');
    expect((await load('t.csv', csv('0', '1', '1'), { testFile })).tests[0]!.rows.map(({ label }) => label)).toEqual([
      0, 1,
    ]);
  });

  it('that look alike or like several in one are worth a warning', async () => {
    expect((await load('t.csv', csv('Spam', 'spam', 'ham', 'ham'))).warnings).toEqual([
      expect.stringContaining('"Spam" and "spam" are nearly the same, but count as 2 classes'),
    ]);
    expect((await load('t.csv', csv('a|b', 'b|c', 'a', 'c'))).warnings).toEqual([
      expect.stringContaining('labels such as "a|b" look like several labels in one'),
    ]);
    expect((await load('t.csv', csv('"Rome, Italy"', '"Bonn, Germany"'))).warnings).toEqual([]);
  });

  it('get the names and the order that datasets gave them', async () => {
    const file = new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: 'text', type: 'STRING', data: ['a', 'b', 'c'] },
          { name: 'label', type: 'INT64', data: [1n, 0n, 1n] },
        ],
        kvMetadata: [
          {
            key: 'huggingface',
            value: JSON.stringify({
              info: { features: { label: { _type: 'ClassLabel', names: ['z', 'a', 'none'] } } },
            }),
          },
        ],
      }),
    );
    const loaded = await load('t.parquet', file);
    expect(loaded.task.output).toEqual({ kind: 'classes', labels: ['z', 'a'] });
    expect([...loaded.train, ...loaded.tests[0]!.rows].find(({ texts }) => texts[0] === 'a')!.label).toBe(1);
  });

  /** What a file of `datasets` becomes. */
  const named = (file: string, labels: readonly Cell[], names: readonly string[]): Table => ({
    ...tableOf(
      file,
      ['text', 'label'],
      labels.map((label, i) => [`text ${i}`, label]),
    ),
    classNames: new Map([['label', names]]),
  });

  it.each([
    [-1n, /t\.parquet, row 2: label "-1", which column "label" does not have.*one of yes, no.*-1 stands for/],
    [2n, /row 2: label "2", which column "label" does not have.*one of yes, no.*correct that row/],
  ])('that are numbers beyond those names are refused: %s', async (label, message) => {
    const error = await errorOf(() => taskFromTable(named('t.parquet', [0n, 1n, label], ['yes', 'no']), columns));
    expect([error.code, error.message]).toEqual(['TASK_LABEL_UNKNOWN', expect.stringMatching(message)]);
  });

  it('of a test file are refused likewise', async () => {
    const task = taskFromTable(
      named('t.parquet', [0n, 1n], ['yes', 'no']),
      columns,
      named('test.parquet', [0n, -1n], ['yes', 'no']),
    );
    const error = await errorOf(() => task.read({}));
    expect([error.code, error.message]).toEqual(['TASK_LABEL_UNKNOWN', expect.stringMatching(/test\.parquet, row 1/)]);
  });

  it('of which none is drawn for training are named, with the protocol that would draw them', async () => {
    const loaded = await load(
      't.csv',
      csv(...Array.from({ length: 100 }, (_, i) => (i < 3 ? 'rare' : ['x', 'y'][i % 2]!))),
    );
    const rare = Array.from({ length: 20 }, (_, seed) => splitTask(loaded, { k: 4, dataSeed: seed })).find(
      ({ labelCounts }) => labelCounts.train.rare === 0,
    )!;
    expect(rare.notes).toContainEqual(
      expect.stringMatching(/no training text of class "rare" \(\d of 80 rows\).*per_class/),
    );
    expect(splitTask(loaded, { k: 1, dataSeed: 1, protocol: 'per_class' }).notes).toEqual([]);
  });
});

describe('tables as people have them', () => {
  it('unnamed columns that nobody uses', async () => {
    const rows = 'v1,v2,,,\nneg,bad,,,\npos,good,,,\n';
    expect(await labelsOf('t.csv', rows, { textColumn: 'v2', labelColumn: 'v1' })).toEqual(['neg', 'pos']);
    const twice = await errorOf(() => load('t.csv', 'text,text,label\na,b,c\n'));
    expect(twice.message).toMatch(/two columns called "text".*--column-names/);
    expect((await errorOf(() => load('t.csv', rows, { textColumn: '' }))).code).toBe('TASK_COLUMN_MISSING');
  });

  it('another separator: named, and taken when it is given', async () => {
    const rows = 'text;label\none;a\ntwo;b\n';
    const error = await errorOf(() => load('t.csv', rows));
    expect(error.message).toMatch(/separated by ;: set delimiter \(in the command: --delimiter ';'\)/);
    expect(await labelsOf('t.csv', rows, { delimiter: ';' })).toEqual(['a', 'b']);
    expect((await errorOf(() => load('t.csv', rows, { delimiter: ';;' }))).code).toBe('TASK_OPTION_INVALID');
  });

  it('UTF-16, with the encoding or with its name in the error', async () => {
    const marked = Buffer.from('\ufefftext,label\none,a\ntwo,b\n', 'utf16le');
    expect((await errorOf(() => load('t.csv', marked))).message).toMatch(/zero bytes.*--encoding.*utf-16le/);
    expect((await errorOf(() => load('t.csv', marked.subarray(2)))).message).toMatch(
      /zero bytes.*--encoding.*utf-16le/,
    );
    expect(await labelsOf('t.csv', marked, { encoding: 'utf-16le' })).toEqual(['a', 'b']);
  });

  it('JSONL with other keys in each line, in time that grows with its size', async () => {
    const work = async (count: number) => {
      const row = (_: unknown, i: number) => ({ text: `t${i}`, label: i % 2 ? 'a' : 'b', [`k${i}`]: 1 });
      expect(await labelsOf('t.jsonl', jsonl(...Array.from({ length: count }, row)))).toEqual(['a', 'b']);
    };
    expect(await growthOfTime(work, 30_000)).toBeLessThan(linearGrowth);
  });

  it('a header of 100,000 columns', async () => {
    const work = async (columns: number) => {
      const names = Array.from({ length: columns }, (_, i) => `c${i}`);
      const wide = `${names.join(',')}\n${names.map(() => 'x').join(',')}\n`;
      const error = await errorOf(() => load('t.csv', wide, { textColumn: 'c0', labelColumn: 'c1' }));
      expect(error.code).toBe('TASK_LABELS_UNFIT');
    };
    expect(await growthOfTime(work, 100_000)).toBeLessThan(linearGrowth);
  });

  it('does not repeat a cell of any length in a message', async () => {
    const error = await errorOf(() => load('t.csv', csv('a'.repeat(10_000), 'a'.repeat(10_000))));
    expect(error.message.length).toBeLessThan(600);
    const quoted = await errorOf(() => load('t.csv', `text,label\n${'a'.repeat(100_000)}"b,c\n`));
    expect([quoted.code, quoted.message.length < 800]).toEqual(['TASK_FILE_MALFORMED', true]);
  });
});
