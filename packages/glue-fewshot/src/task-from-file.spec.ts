import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { errorOf } from '../test/error-of.js';
import { parquet, temporaryFolders } from '../test/temporary-folder.js';
import { splitTask } from './split-task.js';
import type { RegressionOutput } from './task.js';
import { createTaskRegistry, loadTask } from './task-registry.js';
import { type FileTaskOptions, taskFromFile } from './task-from-file.js';

const folder = temporaryFolders();
const columns = { textColumn: 'subject', labelColumn: 'label' };
const make = async (name: string, content: string | Uint8Array, options: Partial<FileTaskOptions> = {}) =>
  taskFromFile({ file: join(await folder({ [name]: content }), name), ...columns, ...options });
const load = async (...parameters: Parameters<typeof make>) => {
  const task = await make(...parameters);
  return loadTask(createTaskRegistry([task]), task.name);
};
const allTexts = ({ train, tests }: Awaited<ReturnType<typeof load>>) =>
  [...train, ...tests[0]!.rows].map(({ texts, label }) => [...texts, label]).sort();

const rows = [
  ['Win, now', 'spam'],
  ['He said "hi"', 'ham'],
  ['Two\nlines', 'ham'],
  ['Ünïcode', 'spam'],
];
const expected = [
  ['He said "hi"', 0],
  ['Two\nlines', 0],
  ['Win, now', 1],
  ['Ünïcode', 1],
];

describe('tasks from files', () => {
  it('CSV, JSONL and Parquet give the same rows and sorted labels', async () => {
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const csv = ['subject,label', ...rows.map(([text, label]) => `${quoted(text!)},${label}`)].join('\r\n');
    const jsonl = rows.map(([subject, label]) => JSON.stringify({ id: 1, subject, label })).join('\n\n');
    const file = parquet(
      ['subject', 'STRING', rows.map(([text]) => text)],
      ['label', 'STRING', rows.map(([, label]) => label)],
    );
    for (const [name, content] of [
      ['mail.csv', csv],
      ['mail.csv', `\ufeff${csv}`],
      ['mail.jsonl', jsonl],
      ['mail.parquet', file],
    ] as const) {
      const loaded = await load(name, content);
      expect(loaded.task.name).toBe('mail');
      expect(loaded.task.output).toEqual({ kind: 'classes', labels: ['ham', 'spam'] });
      expect(allTexts(loaded)).toEqual(expected);
    }
  });

  it('TSV is plain text, with quotes as CSV has them only where asked for', async () => {
    const tsv = 'subject\tlabel\n"quoted\tham\nplain\tspam\nmore\tspam\n';
    expect(allTexts(await load('mail.tsv', tsv))).toEqual([
      ['"quoted', 0],
      ['more', 1],
      ['plain', 1],
    ]);
    const quoted = 'subject\tlabel\n"tab\there"\tham\nplain\tspam\n';
    expect(allTexts(await load('mail.tsv', quoted, { quotedTsv: true }))).toEqual([
      ['plain', 1],
      ['tab\there', 0],
    ]);
  });

  it('files without a header, in other encodings, with pairs', async () => {
    const latin1 = Uint8Array.from('caf\xe9\tteh\tb\nth\x80\tx\ta\n', (character) => character.charCodeAt(0));
    const loaded = await load('pairs.tsv', latin1, {
      columnNames: ['subject', 'other', 'label'],
      encoding: 'latin1',
      textPairColumn: 'other',
    });
    expect(allTexts(loaded)).toEqual([
      ['café', 'teh', 1],
      ['th€', 'x', 0],
    ]);
    expect(loaded.task.fields).toEqual(['subject', 'other']);
  });

  it('sorts numeric labels by value, whatever their type', async () => {
    const labels = [10, 2, 1, 2];
    const csv = ['subject,label', ...labels.map((label, i) => `text ${i},${label}`)].join('\n');
    const file = parquet(
      ['subject', 'STRING', labels.map((_, i) => `text ${i}`)],
      ['label', 'INT64', labels.map(BigInt)],
    );
    const jsonl = labels.map((label, i) => JSON.stringify({ subject: `text ${i}`, label })).join('\n');
    for (const [name, content] of [
      ['n.csv', csv],
      ['n.parquet', file],
      ['n.jsonl', jsonl],
    ] as const) {
      const loaded = await load(name, content);
      expect(loaded.task.output).toEqual({ kind: 'classes', labels: ['1', '2', '10'] });
      expect(allTexts(loaded)).toEqual([
        ['text 0', 2],
        ['text 1', 1],
        ['text 2', 0],
        ['text 3', 1],
      ]);
    }
  });

  it('holds rows out, always the same ones, disjoint and in the order of the file', async () => {
    const csv = ['subject,label', ...Array.from({ length: 100 }, (_, i) => `text ${i},${i % 3 ? 'a' : 'b'}`)].join(
      '\n',
    );
    const [one, two] = [await load('t.csv', csv), await load('t.csv', csv)];
    expect(two.train).toEqual(one.train);
    expect([one.train.length, one.tests[0]!.rows.length]).toEqual([80, 20]);
    const numbers = (list: typeof one.train) => list.map(({ texts }) => Number(texts[0]!.slice(5)));
    const [train, test] = [numbers(one.train), numbers(one.tests[0]!.rows)];
    expect(new Set([...train, ...test]).size).toBe(100);
    expect(test).toEqual([...test].sort((a, b) => a - b));
    expect(test).not.toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(one.train.map(({ row }) => row)).toEqual([...one.train.keys()]);
    expect(one.notes.join()).toContain('20 of 100 rows');
    expect((await load('t.csv', csv, { testFraction: 0.5 })).train).toHaveLength(50);
    expect(splitTask(one, { k: 20, dataSeed: 1 }).trainRows).toHaveLength(20);
  });

  it('reads a test file, and says when texts are repeated', async () => {
    const csv = 'subject,label\none,a\ntwo,b\n';
    const testFile = join(
      await folder({ 'test.jsonl': '{"subject":"two","label":"b"}\n{"subject":"new","label":"a"}' }),
      'test.jsonl',
    );
    const loaded = await load('t.csv', csv, { testFile, name: 'mine' });
    expect([loaded.task.name, loaded.train.length]).toEqual(['mine', 2]);
    expect(loaded.tests[0]!.rows.map(({ label }) => label)).toEqual([1, 0]);
    expect(loaded.notes).toEqual(['1 of 2 test rows also occur in the training rows']);
  });

  it('regression keeps scores and their range', async () => {
    const csv = ['subject,label', ...Array.from({ length: 30 }, (_, i) => `text ${i},${i / 10}`)].join('\n');
    const loaded = await load('t.csv', csv, { regression: true });
    expect(loaded.task).toMatchObject({
      output: { kind: 'regression', range: [0, 2.9], classBoundary: 1.5 },
      metrics: ['pearson', 'spearman'],
      headline: 'spearman',
    });
    expect(new Set([...loaded.train, ...loaded.tests[0]!.rows].map(({ label }) => label)).size).toBe(30);
  });
});

describe('what protocols that ask for classes make of scores', () => {
  const scored = (scores: readonly number[], testFraction = 0.2) =>
    load('t.csv', ['subject,label', ...scores.map((score, i) => `text ${i},${score}`)].join('\n'), {
      regression: true,
      testFraction,
    });
  const boundary = async (...scores: number[]) =>
    ((await scored(scores)).task.output as RegressionOutput).classBoundary;

  it('outliers neither refuse a split nor choose its rows', async () => {
    const scores = Array.from({ length: 500 }, (_, i) => (i * 37) % 101);
    for (const outliers of [[1000], [1000, 1000], [-1e6, 1e300]]) {
      const loaded = await scored([...scores, ...outliers]);
      for (let dataSeed = 0; dataSeed < 25; dataSeed++)
        expect(splitTask(loaded, { k: 50, dataSeed }).usedSeed).toBe(dataSeed);
      const { train } = splitTask(loaded, { k: 50, dataSeed: 1, protocol: 'per_class' }).labelCounts;
      expect(Object.values(train)).toEqual([50, 50]);
    }
  });

  it('has scores on both sides where they differ, as evenly as ties let it', async () => {
    expect(await boundary(1, 2, 3, 4)).toBe(3);
    expect(await boundary(1, 2, 3)).toBe(2);
    expect(await boundary(0, 0, 0, 0, 7)).toBe(7);
    expect(await boundary(0, 7, 7, 7, 7)).toBe(7);
    expect(await boundary(0, 1, 1, 1, 2, 2)).toBe(2);
    expect(await boundary(0, 0, 1, 1, 1, 2)).toBe(1);
    expect(await boundary(3, 3, 3)).toBe(3);
  });

  it('scores of a test file widen the range alone', async () => {
    const testFile = join(await folder({ 'test.csv': 'subject,label\none,-5\ntwo,900\n' }), 'test.csv');
    const task = await make('t.csv', 'subject,label\none,1\ntwo,2\nthree,3\n', { regression: true, testFile });
    expect(task.output).toEqual({ kind: 'regression', range: [-5, 900], classBoundary: 2 });
  });
});

describe('rows that are left out', () => {
  const csv = 'subject,label\none,a\n ,b\ntwo,b\n,a\n';
  it('are counted in a note, those of a test file too', async () => {
    const { notes, train, tests } = await load('t.csv', csv, { emptyText: 'drop' });
    expect(train.length + tests[0]!.rows.length).toBe(2);
    expect(notes[0]).toMatch(/t\.csv: 2 rows with an empty text left out$/);
    const testFile = join(await folder({ 'test.csv': 'subject,label\nx,a\n,b\n' }), 'test.csv');
    expect((await load('t.csv', csv, { emptyText: 'drop', testFile })).notes).toEqual([
      expect.stringMatching(/t\.csv: 2 rows/),
      expect.stringMatching(/test\.csv: 1 rows/),
    ]);
    expect((await load('t.csv', csv, { emptyText: 'keep' })).notes.join()).not.toContain('left out');
  });
});

describe('bad labelled files are one typed error', () => {
  const good = 'subject,label\none,a\ntwo,b\nthree,a\n';
  const many = (label: (i: number) => string | number) =>
    ['subject,label', ...Array.from({ length: 150 }, (_, i) => `text ${i},${label(i)}`)].join('\n');

  it.each<[string, string, string, Partial<FileTaskOptions>, string, RegExp]>([
    [
      'missing text column',
      't.csv',
      good,
      { textColumn: 'subjet' },
      'TASK_COLUMN_MISSING',
      /no column "subjet" in .*t\.csv.*"subject", "label".*did you mean "subject"/,
    ],
    ['missing label column', 't.csv', good, { labelColumn: 'zzzzzz' }, 'TASK_COLUMN_MISSING', /set columnNames/],
    ['missing pair column', 't.csv', good, { textPairColumn: 'x' }, 'TASK_COLUMN_MISSING', /no column "x"/],
    [
      'fractional labels',
      't.csv',
      many((i) => i / 10),
      {},
      'TASK_LABELS_UNFIT',
      /column "label": 150 distinct fractional numbers.*set regression/,
    ],
    ['too many labels', 't.csv', many((i) => `l${i}`), {}, 'TASK_LABELS_UNFIT', /150 distinct labels.*maxLabels/],
    ['one label', 't.csv', many(() => 'a'), {}, 'TASK_LABELS_UNFIT', /only the label "a"/],
    ['words as scores', 't.csv', good, { regression: true }, 'TASK_LABELS_UNFIT', /line 2: "a".*a number/],
    [
      'missing label',
      't.csv',
      'subject,label\none,a\ntwo,\nthree,b\n',
      {},
      'TASK_LABEL_UNKNOWN',
      /t\.csv, line 3: no label/,
    ],
    ['empty text', 't.csv', 'subject,label\none,a\n,b\n', {}, 'TASK_TEXT_EMPTY', /t\.csv: empty text in line 3/],
    [
      'ragged CSV',
      't.csv',
      'subject,label\none,a\ntwo,b,c\n',
      {},
      'TASK_FILE_MALFORMED',
      /t\.csv: line 3 has 3 fields where 2/,
    ],
    [
      'unclosed quote',
      't.csv',
      'subject,label\n"one,a\n',
      {},
      'TASK_FILE_MALFORMED',
      /t\.csv: line 2: Quote Not Closed/,
    ],
    [
      'broken JSON',
      't.jsonl',
      '{"subject":"a","label":"b"}\n{"subject":\n',
      {},
      'TASK_FILE_MALFORMED',
      /t\.jsonl: line 2 is not JSON/,
    ],
    ['JSON that is no object', 't.jsonl', '[1]\n', {}, 'TASK_FILE_MALFORMED', /line 1 is not a JSON object/],
    ['missing JSON key', 't.jsonl', '{"subject":"a","label":"b"}\n{"label":"c"}\n', {}, 'TASK_TEXT_EMPTY', /line 2/],
    [
      'the label as text',
      't.csv',
      good,
      { textColumn: 'label' },
      'TASK_OPTION_INVALID',
      /column "label" of .*t\.csv as text and as label.*name another column/,
    ],
    [
      'the label as second text',
      't.csv',
      good,
      { textPairColumn: 'label' },
      'TASK_OPTION_INVALID',
      /"label" of .* as text and as label/,
    ],
    [
      'the text to write in its own prompt',
      't.csv',
      good,
      { promptTemplate: '{subject}, {label}:' },
      'TASK_OPTION_INVALID',
      /"label" of .* as text and as label/,
    ],
    [
      'the one column of another separator',
      't.csv',
      'subject\tlabel\none\ta\n',
      { textColumn: 'subject\tlabel', labelColumn: 'subject\tlabel' },
      'TASK_OPTION_INVALID',
      /as text and as label.*separated by \\t: set delimiter/,
    ],
    ['no rows', 't.csv', 'subject,label\n', {}, 'TASK_FILE_MALFORMED', /no rows/],
    ['unknown ending', 't.xlsx', good, {}, 'TASK_FILE_UNREADABLE', /\.csv, \.tsv, \.jsonl, \.ndjson, \.parquet/],
    ['unknown encoding', 't.csv', good, { encoding: 'utf-9' }, 'TASK_FILE_UNREADABLE', /text encoding "utf-9"/],
    ['test fraction', 't.csv', good, { testFraction: 1 }, 'TASK_OPTION_INVALID', /testFraction 1/],
    ['nothing left to train', 't.csv', good, { testFraction: 0.9 }, 'TASK_FILE_MALFORMED', /3 rows, of which 3/],
  ])('%s', async (_, name, content, options, code, message) => {
    const error = await errorOf(() => load(name, content, options));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  });

  it('a test label the training file does not have', async () => {
    const testFile = join(await folder({ 'test.csv': 'subject,label\none,a\ntwo,0\n' }), 'test.csv');
    const error = await errorOf(() => load('t.csv', good, { testFile }));
    expect([error.code, error.message]).toEqual([
      'TASK_LABEL_UNKNOWN',
      expect.stringMatching(/test\.csv, line 3: label "0".*one of a, b/),
    ]);
  });

  it('a missing file, or a folder', async () => {
    const missing = await errorOf(() => taskFromFile({ file: '/no/such.csv', ...columns }));
    expect([missing.code, missing.message]).toEqual(['TASK_FILE_MISSING', expect.stringContaining('/no/such.csv')]);
    const directory = join(await folder({ 'x.csv/inside': '' }), 'x.csv');
    expect((await errorOf(() => taskFromFile({ file: directory, ...columns }))).code).toBe('TASK_FILE_UNREADABLE');
  });
});
