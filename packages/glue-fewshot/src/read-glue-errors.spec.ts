import { describe, expect, it } from '@jest/globals';
import { errorOf } from '../test/error-of.js';
import { temporaryFolders } from '../test/temporary-folder.js';
import { glueTasks } from './glue-tasks.js';
import { createTaskRegistry, loadTask } from './task-registry.js';

const registry = createTaskRegistry(glueTasks);
const folder = temporaryFolders();
const load = async (name: string, files: Readonly<Record<string, string | Uint8Array>>) =>
  loadTask(registry, name, { dataDirectory: await folder(files) });
const lines = (...all: string[]) => `${all.join('\n')}\n`;

describe('bad GLUE input is one typed error that names file, line and cure', () => {
  const dev = lines('sentence\tlabel', 'good\t1');
  const failure = (train: string, more: Record<string, string> = { 'SST-2/dev.tsv': dev }) =>
    errorOf(() => load('sst2', { 'SST-2/train.tsv': train, ...more }));

  it.each([
    [
      'a missing column',
      'sentense\tlabel\ngood\t1\n',
      'TASK_COLUMN_MISSING',
      /no column "sentence" in .*train\.tsv.*did you mean "sentense"/,
    ],
    [
      'a label not in the task',
      'sentence\tlabel\ngood\t1\nbad\t2\n',
      'TASK_LABEL_UNKNOWN',
      /train\.tsv, line 3: label "2".*negative, positive/,
    ],
    ['a missing label', 'sentence\tlabel\ngood\t\n', 'TASK_LABEL_UNKNOWN', /line 2: no label/],
    [
      'a row with too few fields',
      'sentence\tlabel\ngood\t1\nbad\n',
      'TASK_FILE_MALFORMED',
      /train\.tsv: line 3 has 1 field where 2/,
    ],
    [
      'a row with too many fields',
      'sentence\tlabel\ngo\tod\t1\n',
      'TASK_FILE_MALFORMED',
      /line 2 has 3 fields where 2/,
    ],
    [
      'an empty text',
      'sentence\tlabel\n \t1\ngood\t1\n\t0\n',
      'TASK_TEXT_EMPTY',
      /train\.tsv: empty text in line 2, line 4\..*emptyText/,
    ],
    ['an empty file', '', 'TASK_FILE_MALFORMED', /train\.tsv: no rows/],
    ['a header alone', 'sentence\tlabel\n', 'TASK_FILE_MALFORMED', /train\.tsv: no rows/],
    [
      'a column name twice',
      'sentence\tsentence\tlabel\na\tb\t1\n',
      'TASK_FILE_MALFORMED',
      /two columns called "sentence"/,
    ],
  ])('%s', async (_, train, code, message) => {
    const error = await failure(train);
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  });

  it('a score out of range or no number', async () => {
    for (const score of ['5.1', '-0.5', 'high', '']) {
      const content = lines('sentence1\tsentence2\tscore', `A.\tB.\t${score}`);
      const error = await errorOf(() => load('stsb', { 'STS-B/train.tsv': content }));
      expect([score, error.code, error.message]).toEqual([
        score,
        'TASK_LABEL_UNKNOWN',
        expect.stringContaining('from 0 to 5'),
      ]);
    }
  });

  it('bytes that are not UTF-8', async () => {
    const bytes = Uint8Array.from([...new TextEncoder().encode('sentence\tlabel\n'), 0xe9, 9, 49, 10]);
    const error = await errorOf(() => load('sst2', { 'SST-2/train.tsv': bytes }));
    expect([error.code, error.message]).toEqual([
      'TASK_FILE_UNREADABLE',
      expect.stringMatching(/train\.tsv: bytes that are not utf-8/),
    ]);
  });

  it('missing files and folders', async () => {
    const noDev = await failure(dev, {});
    expect([noDev.code, noDev.message]).toEqual([
      'TASK_FILE_MISSING',
      expect.stringMatching(/no SST-2\/dev\.tsv.*sst2\/validation/),
    ]);
    const near = await errorOf(() => load('sst2', { 'SST2/train.tsv': dev }));
    expect([near.code, near.message]).toEqual(['TASK_FILE_MISSING', expect.stringMatching(/did you mean .*SST2/)]);
    const nothing = await errorOf(() => loadTask(registry, 'sst2', { dataDirectory: '/no/such/folder' }));
    expect([nothing.code, nothing.message]).toEqual([
      'TASK_FILE_MISSING',
      expect.stringContaining('empty or does not exist'),
    ]);
    const none = await errorOf(() => loadTask(registry, 'sst2'));
    expect([none.code, none.message]).toEqual(['TASK_DIRECTORY_MISSING', expect.stringContaining('sst2')]);
  });

  it('empty texts can be dropped or kept instead', async () => {
    const dataDirectory = await folder({
      'SST-2/train.tsv': lines('sentence\tlabel', '\t1', 'good\t1'),
      'SST-2/dev.tsv': dev,
    });
    const dropped = await loadTask(registry, 'sst2', { dataDirectory, emptyText: 'drop' });
    expect(dropped.train).toEqual([{ row: 0, texts: ['good'], label: 1 }]);
    expect(dropped.notes.join()).toContain('1 rows with an empty text left out');
    const kept = await loadTask(registry, 'sst2', { dataDirectory, emptyText: 'keep' });
    expect(kept.train.map(({ texts }) => texts[0])).toEqual(['', 'good']);
  });
});
