import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { errorOf } from '../test/error-of.js';
import { temporaryFolders } from '../test/temporary-folder.js';
import { cutPassages } from './cut-passages.js';
import { checkTemplate, fillTemplate } from './fill-template.js';
import { isResampled, measureText, needsGeneration, textMetric } from './measure-texts.js';
import { personaTasks } from './persona-tasks.js';
import { splitRows, splitTask } from './split-task.js';
import { taskFromFile } from './task-from-file.js';
import { createTaskRegistry, describeTask, loadTask } from './task-registry.js';
import { dataToTextTasks, languageTasks, summarisationTasks, textTask } from './text-tasks.js';
import { unpackXz } from './unpack-xz.js';

const lines = (...objects: readonly object[]) => objects.map((object) => `${JSON.stringify(object)}\n`).join('');
const task = textTask({
  name: 'tiny',
  title: 'tiny',
  train: 'tiny.train',
  test: 'tiny.test',
  fields: ['triples', 'kind'],
  reference: 'refs',
  group: 'kind',
  template: '{triples} ({kind}):',
  metrics: ['bleu', 'perplexity'],
});
const rows = [
  {
    triples: [
      ['a', 'is', 'b'],
      ['b', 'is', 'c'],
    ],
    kind: 'x',
    refs: ['a is b.', 'b is a.'],
  },
  { triples: 'plain', kind: 'y', refs: 'one' },
  { triples: ['p', 'q'], kind: 'x', refs: ['two', ''] },
];
const makeFolder = temporaryFolders();
const tinyFolder = () => makeFolder({ 'tiny.train.jsonl': lines(...rows), 'tiny.test.jsonl': lines(rows[0]!) });

describe('a task of texts', () => {
  it('reads fields, lists of lists and references, all rows or those of a group', async () => {
    const dataDirectory = await tinyFolder();
    const { train, tests, files } = await task.read({ dataDirectory });
    expect(files.map((file) => file.split('/').at(-1))).toEqual(['tiny.train.jsonl', 'tiny.test.jsonl']);
    expect(train.map(({ texts, references }) => [texts[0], references])).toEqual([
      ['a : is : b | b : is : c', ['a is b.', 'b is a.']],
      ['plain', ['one']],
      ['p | q', ['two']],
    ]);
    expect(tests[0]!.rows).toHaveLength(1);
    const group = await task.read({ dataDirectory, group: 'x' });
    expect(group.train.map(({ row, texts }) => [row, texts[1]])).toEqual([
      [0, 'x'],
      [1, 'x'],
    ]);
    expect(await errorOf(() => task.read({ dataDirectory, group: 'z' }))).toMatchObject({
      code: 'TASK_GROUP_UNKNOWN',
      message: expect.stringContaining('"x", "y"'),
    });
  });

  it('is split as any other, with a hash of the references too', async () => {
    const dataDirectory = await tinyFolder();
    const loaded = await loadTask(createTaskRegistry([task]), 'tiny', { dataDirectory });
    const split = splitTask(loaded, { k: 1, dataSeed: 3 });
    expect(splitRows(loaded, split).train).toHaveLength(1);
    expect(splitTask(loaded, { k: 1, dataSeed: 3, protocol: 'per_class' }).devRows).toHaveLength(1);
    const other = { ...loaded, train: loaded.train.map((row) => ({ ...row, references: ['other'] })) };
    expect(() => splitRows(other, split)).toThrow('not those of the split');
    expect(describeTask(task).labels).toEqual({ template: '{triples} ({kind}):' });
  });

  it('refuses what is no text', async () => {
    expect(await errorOf(() => task.read({}))).toMatchObject({ code: 'TASK_DIRECTORY_MISSING' });
    const codeOf = async (files: Parameters<typeof makeFolder>[0]) => {
      const dataDirectory = await makeFolder(files);
      return (await errorOf(() => task.read({ dataDirectory }))).code;
    };
    const withRow = (row: object) => ({ 'tiny.train.jsonl': lines(row), 'tiny.test.jsonl': lines(rows[0]!) });
    expect(await codeOf({})).toBe('TASK_FILE_MISSING');
    expect(await codeOf(withRow({ triples: 'a', kind: 'x', refs: [''] }))).toBe('TASK_TEXT_EMPTY');
    expect(await codeOf(withRow({ triples: { a: 1 }, kind: 'x', refs: ['a'] }))).toBe('TASK_COLUMN_UNFIT');
    expect(await codeOf(withRow({ kind: 'x', refs: ['a'] }))).toBe('TASK_COLUMN_MISSING');
    expect(await codeOf({ 'tiny.train.jsonl.xz': 'no', 'tiny.test.jsonl': lines(rows[0]!) })).toBe(
      'TASK_FILE_UNREADABLE',
    );
    const dataDirectory = await makeFolder(withRow({ triples: 'a', kind: 'x', refs: [''] }));
    const { train, notes } = await task.read({ dataDirectory, emptyText: 'drop' });
    expect([train, notes]).toEqual([
      [],
      [expect.stringMatching(/tiny\.train\.jsonl: 1 rows without a text to write left out$/)],
    ]);
  });

  it('comes from any file with a template', async () => {
    const content = ['source,summary', ...Array.from({ length: 10 }, (_, i) => `text ${i},sum ${i}`)].join('\n');
    const file = join(await makeFolder({ 'notes.csv': content }), 'notes.csv');
    const options = { file, textColumn: 'source', labelColumn: 'summary', promptTemplate: '{source}\n\nSummary:' };
    const made = await taskFromFile(options);
    expect(made).toMatchObject({ fields: ['source'], headline: 'rougeL', output: { kind: 'text' } });
    const { train, tests } = await made.read({});
    expect([train.length, tests[0]!.rows.length]).toEqual([8, 2]);
    expect(train[0]).toMatchObject({ references: [train[0]!.texts[0]!.replace('text', 'sum')] });
    const language = await taskFromFile({ ...options, promptTemplate: '' });
    expect(language).toMatchObject({ fields: [], headline: 'log_likelihood' });
    expect(await errorOf(() => taskFromFile({ ...options, promptTemplate: '{sorce}' }))).toMatchObject({
      code: 'TASK_COLUMN_MISSING',
    });
  });
});

describe('templates', () => {
  it('put texts in the place of fields, whatever the texts hold', () => {
    expect(fillTemplate('{a} $& {b}{a} {c}', ['a', 'b'], ['$1 {b}', 'two'])).toBe('$1 {b} $& two$1 {b} {c}');
    expect(() => checkTemplate('{a} {sourc}', ['a', 'source'])).toThrow('{source}');
    expect(() => checkTemplate('{a}', ['a'])).not.toThrow();
  });
});

describe('columns with blanks', () => {
  it('are fields; what names no column is refused', async () => {
    const content = 'Review Text,label\nfine film,good\nweak film,bad\n';
    const file = join(await makeFolder({ 'reviews.csv': content }), 'reviews.csv');
    const options = { file, textColumn: 'Review Text', labelColumn: 'label' };
    const read = await taskFromFile({ ...options, promptTemplate: 'Review: {Review Text}\nAnswer:' });
    expect(read.fields).toEqual(['Review Text']);
    for (const promptTemplate of ['{ label }', '{Reveiw Text}'])
      expect((await errorOf(() => taskFromFile({ ...options, promptTemplate }))).code).toBe('TASK_COLUMN_MISSING');
    expect(fillTemplate('{Review Text}!', ['Review Text'], ['fine'])).toBe('fine!');
  });
});

describe('cutPassages', () => {
  it('cuts before blanks, and the pieces are the text', () => {
    const text = `${'word another '.repeat(50)}${'x'.repeat(200)}😀😀 end`;
    const passages = cutPassages([{ row: 0, texts: [], label: 0, references: [text] }], 60);
    const pieces = passages.map(({ references }) => references![0]!);
    expect(pieces.join('')).toBe(text);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(60);
    expect(passages.map(({ row }) => row)).toEqual([...passages.keys()]);
    for (const length of [203, 204, 205])
      for (const piece of cutPassages(
        [{ row: 0, texts: [], label: 0, references: ['x'.repeat(200) + '😀'.repeat(9)] }],
        length,
      ))
        expect(piece.references![0]).not.toMatch(/[\uD800-\uDBFF]$/);
  });
});

describe('measures of texts', () => {
  const written = { references: ['the cat sat on the mat'], logLikelihood: -6, tokens: 3, bytes: 12 };
  it('are likelihoods without a generated text, and all others with one', () => {
    const alone = [measureText(written), measureText({ ...written, logLikelihood: -3 })];
    expect(textMetric('log_likelihood', alone)).toBe(-150);
    expect(textMetric('perplexity', alone)).toBeCloseTo(Math.exp(1.5), 12);
    expect(textMetric('byte_perplexity', alone)).toBeCloseTo(Math.exp(9 / 24), 12);
    const both = [measureText({ ...written, text: 'the cat sat on the mat' }), measureText({ ...written, text: 'no' })];
    expect(textMetric('rouge1', both)).toBe(50);
    expect(textMetric('distinct1', both)).toBeCloseTo((100 * 6) / 7, 10);
    expect(textMetric('bleu', both.slice(0, 1))).toBeCloseTo(100, 10);
    expect(() => textMetric('accuracy', both)).toThrow('evaluateMetrics');
    expect(() => textMetric('bleu', [])).toThrow('no texts');
  });
  it('know which of them generate and which may be drawn again', () => {
    expect([needsGeneration({ metrics: ['perplexity'] }), needsGeneration(task)]).toEqual([false, true]);
    expect([isResampled('bleu'), isResampled('distinct2')]).toEqual([true, false]);
  });
});

const shared = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));
(existsSync(shared) ? describe : describe.skip)('task families (needs ../shared/data)', () => {
  it.each([
    ['summarisation', summarisationTasks],
    ['d2t', dataToTextTasks],
    ['lm', languageTasks],
    ['persona', personaTasks],
  ] as const)('%s: every task is read, and its template names its fields', async (folder, tasks) => {
    for (const each of tasks) {
      const { train, tests } = await each.read({ dataDirectory: join(shared, folder) });
      const test = tests[0]!.rows;
      expect(train.length).toBeGreaterThan(200);
      expect(test.length).toBeGreaterThan(50);
      if (each.output.kind !== 'text') throw new Error('not a task of texts');
      checkTemplate(each.output.template, each.fields);
      expect([...train, ...test].every(({ references }) => references!.length > 0)).toBe(true);
    }
  });

  it('persona: a group is one persona, whose test dialogues are others', async () => {
    const persona = personaTasks.find(({ name }) => name === 'persona')!;
    const dataDirectory = join(shared, 'persona');
    const one = await persona.read({ dataDirectory, group: 'test-000' });
    expect(new Set(one.train.map(({ texts }) => texts[1])).size).toBe(1);
    expect(one.train.length).toBeGreaterThan(30);
    expect(one.tests[0]!.rows.length).toBeGreaterThan(10);
    expect(one.train[0]!.texts[0]).toMatch(/^[AB]: /);
    expect(await errorOf(() => persona.read({ dataDirectory, group: 'test-999' }))).toMatchObject({
      code: 'TASK_GROUP_UNKNOWN',
    });
  });
});

describe('unpackXz', () => {
  it('refuses what is not packed', async () => {
    expect(await errorOf(() => unpackXz(new TextEncoder().encode('plain text'), 'a.xz'))).toMatchObject({
      code: 'TASK_FILE_UNREADABLE',
    });
  });
});
