import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { errorOf } from '../test/error-of.js';
import { temporaryFolders } from '../test/temporary-folder.js';
import { glueTasks } from './glue-tasks.js';
import { createTaskRegistry, loadTask } from './task-registry.js';

const registry = createTaskRegistry(glueTasks);
const folder = temporaryFolders();
const load = async (name: string, files: Readonly<Record<string, string | Uint8Array>>) =>
  loadTask(registry, name, { dataDirectory: await folder(files) });
const rows = (loaded: Awaited<ReturnType<typeof load>>) => loaded.train.map(({ texts, label }) => [...texts, label]);
const lines = (...all: string[]) => `${all.join('\n')}\n`;

/** Two invented rows of each task as its TSV files write them. */
const tsv: Record<string, { folder: string; content: string; expected: (string | number)[][] }> = {
  cola: {
    folder: 'CoLA',
    content: lines('inv1\t1\t\tThe cat slept.', 'inv1\t0\t*\tCat the slept.'),
    expected: [
      ['The cat slept.', 1],
      ['Cat the slept.', 0],
    ],
  },
  sst2: {
    folder: 'SST-2',
    content: lines('sentence\tlabel', 'a lovely film \t1', 'dull \t0'),
    expected: [
      ['a lovely film ', 1],
      ['dull ', 0],
    ],
  },
  mrpc: {
    folder: 'MRPC',
    content: lines(
      '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String',
      '1\t1\t2\tHe said "no.\t"He said no.',
      '0\t3\t4\tRain.\tSun."',
    ),
    expected: [
      ['He said "no.', '"He said no.', 1],
      ['Rain.', 'Sun."', 0],
    ],
  },
  qqp: {
    folder: 'QQP',
    content: lines(
      'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate',
      '-1\t1\t2\tWhy?\tHow so?\t1',
      '7\t3\t4\tWho?\tWhen?\t0',
    ),
    expected: [
      ['Why?', 'How so?', 1],
      ['Who?', 'When?', 0],
    ],
  },
  stsb: {
    folder: 'STS-B',
    content: lines(
      'index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore',
      '0\tg\tf\ty\t0001\tnone\tnone\tA dog runs.\tA dog is running.\t4.750',
      '1\tg\tf\ty\t0002\tnone\tnone\tA dog runs.\tTea is hot.\t0.000',
    ),
    expected: [
      ['A dog runs.', 'A dog is running.', 4.75],
      ['A dog runs.', 'Tea is hot.', 0],
    ],
  },
  qnli: {
    folder: 'QNLI',
    content: lines(
      'index\tquestion\tsentence\tlabel',
      '0\tWho?\tAnna did.\tentailment',
      '1\tWho?\tIt rained.\tnot_entailment',
    ),
    expected: [
      ['Who?', 'Anna did.', 0],
      ['Who?', 'It rained.', 1],
    ],
  },
  rte: {
    folder: 'RTE',
    content: lines(
      'index\tsentence1\tsentence2\tlabel',
      '0\tIt rains.\tIt is wet.\tentailment',
      '1\tIt rains.\tTea.\tnot_entailment',
    ),
    expected: [
      ['It rains.', 'It is wet.', 0],
      ['It rains.', 'Tea.', 1],
    ],
  },
  wnli: {
    folder: 'WNLI',
    content: lines('index\tsentence1\tsentence2\tlabel', '0\tHe fell.\tBob fell.\t1', '1\tHe fell.\tAl fell.\t0'),
    expected: [
      ['He fell.', 'Bob fell.', 1],
      ['He fell.', 'Al fell.', 0],
    ],
  },
};

describe('the TSV layout', () => {
  it.each(Object.keys(tsv))('reads %s', async (name) => {
    const { folder: name_, content, expected } = tsv[name]!;
    const loaded = await load(name, { [`${name_}/train.tsv`]: content, [`${name_}/dev.tsv`]: content.trimEnd() });
    expect(rows(loaded)).toEqual(expected);
    expect(loaded.tests).toEqual([{ name: 'test', rows: loaded.train }]);
    expect(loaded.train.map(({ row }) => row)).toEqual([0, 1]);
    expect([loaded.subset, loaded.notes]).toEqual([false, []]);
  });

  it('reads MNLI with both test sets, in 4 or 12 columns', async () => {
    const short = lines(
      'index\tsentence1\tsentence2\tgold_label',
      '0\tIt rains.\tIt is wet.\tentailment',
      '1\tIt rains.\tTea.\tneutral',
    );
    const long = lines(
      'index\tpromptID\tpairID\tgenre\ts1_bp\ts2_bp\ts1_p\ts2_p\tsentence1\tsentence2\tlabel1\tgold_label',
      '0\t1\t1e\tg\t(\t)\t(\t)\tIt rains.\tIt is dry.\tneutral\tcontradiction',
    );
    const loaded = await load('mnli', {
      'MNLI/train.tsv': short,
      'MNLI/dev_matched.tsv': long,
      'MNLI/dev_mismatched.tsv': short,
    });
    expect(rows(loaded)).toEqual([
      ['It rains.', 'It is wet.', 0],
      ['It rains.', 'Tea.', 1],
    ]);
    expect(loaded.tests.map(({ name, rows }) => [name, rows.map(({ label }) => label)])).toEqual([
      ['matched', [2]],
      ['mismatched', [0, 1]],
    ]);
  });

  it('marks subsets, prefers complete files, and notes a missing second test set', async () => {
    const content = lines('index\tsentence1\tsentence2\tgold_label', '0\tA.\tB.\tneutral');
    const cut = await load('mnli', { 'MNLI/train.subset.tsv': content, 'MNLI/dev.subset.tsv': content });
    expect(cut.subset).toBe(true);
    expect(cut.tests.map(({ name }) => name)).toEqual(['matched']);
    expect(cut.notes.join()).toMatch(/cut of the official set.*no mismatched test set/);
    const { content: rte } = tsv['rte']!;
    const mixed = await load('rte', {
      'RTE/train.tsv': rte,
      'RTE/train.subset.tsv': 'unread',
      'RTE/dev.subset.tsv': rte,
    });
    expect(mixed.subset).toBe(true);
    expect(mixed.files.map((file) => file.split(/[\\/]/).at(-1))).toEqual(['train.tsv', 'dev.subset.tsv']);
  });

  it('reads Windows line ends and the Hub’s column names', async () => {
    const content = 'sentence1\tsentence2\tlabel\r\nA.\tB.\t1\r\n';
    expect(rows(await load('mrpc', { 'mrpc/train.tsv': content, 'mrpc/dev.tsv': content }))).toEqual([['A.', 'B.', 1]]);
  });

  it('reads CoLA with a header too', async () => {
    const content = lines('sentence\tlabel', 'The cat slept.\t1');
    expect(rows(await load('cola', { 'CoLA/train.tsv': content, 'CoLA/dev.tsv': content }))).toEqual([
      ['The cat slept.', 1],
    ]);
  });

  it('leaves out short rows of QQP and keeps its empty questions, as the Hub does', async () => {
    const content = lines(
      'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate',
      '1\t1\t2\tWhy?',
      '2\t1\t2\tWhy?\t\t0',
      '3\t1\t2\tA?\tB?\t1',
    );
    const loaded = await load('qqp', { 'QQP/train.tsv': content, 'QQP/dev.tsv': content });
    expect(rows(loaded)).toEqual([
      ['Why?', '', 0],
      ['A?', 'B?', 1],
    ]);
    expect(loaded.notes[0]).toContain('1 rows with missing fields left out');
  });

  it('reads real rows of QNLI', async () => {
    const sample = fileURLToPath(new URL('../test/qnli-sample', import.meta.url));
    const loaded = await loadTask(registry, 'QNLI', { dataDirectory: sample });
    expect([loaded.train.length, loaded.tests[0]!.rows.length]).toEqual([4, 2]);
    expect(loaded.tests[0]!.rows[1]).toEqual({
      row: 1,
      texts: [
        'What did Herr Gott, dich loben wir become known as ?',
        'He paraphrased the Te Deum as "Herr Gott, dich loben wir" with a simplified form of the melody.',
      ],
      label: 1,
    });
  });
});

describe('the data directory', () => {
  const files = { 'train.tsv': 'sentence\tlabel\na\t0\nb\t1\n', 'dev.tsv': 'sentence\tlabel\nc\t1\n' };
  const below = (prefix: string) =>
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`${prefix}/${name}`, text]));
  const sst2 = (dataDirectory: string) => loadTask(createTaskRegistry(glueTasks), 'sst2', { dataDirectory });

  it('may be the folder of the task, the one above it, or the one above that', async () => {
    const root = await folder({ ...below('glue/SST-2'), 'other/note.txt': '' });
    for (const path of ['glue/SST-2', 'glue', '.']) expect((await sst2(join(root, path))).train).toHaveLength(2);
  });

  it('is never guessed: neither another task’s folder nor one of two', async () => {
    const root = await folder({ ...below('a/SST-2'), ...below('b/SST-2'), ...below('c/RTE') });
    expect((await errorOf(() => sst2(root))).code).toBe('TASK_DIRECTORY_AMBIGUOUS');
    expect((await errorOf(() => sst2(join(root, 'c/RTE')))).code).toBe('TASK_FILE_MISSING');
  });
});
