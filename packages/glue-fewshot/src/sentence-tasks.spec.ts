import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sentenceTasks } from './sentence-tasks.js';
import { createTaskRegistry, loadTask } from './task-registry.js';

const registry = createTaskRegistry(sentenceTasks);

describe('sentence files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sentences-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const write = (name: string, bytes: string | Uint8Array) => writeFile(join(folder, name), bytes);
  const load = (name: string) => loadTask(registry, name, { dataDirectory: folder });

  it('reads labels by number or name and keeps the sentence as it is', async () => {
    await write('TREC.train.all', '5 How far is it ?\r\nhuman Who was  Galileo ?\n');
    await write('TREC.test.all', '0 What is a caul ?');
    const { train, tests } = await load('trec');
    expect(train).toEqual([
      { row: 0, texts: ['How far is it ?'], label: 5 },
      { row: 1, texts: ['Who was  Galileo ?'], label: 3 },
    ]);
    expect(tests).toEqual([{ name: 'test', rows: [{ row: 0, texts: ['What is a caul ?'], label: 0 }] }]);
  });

  it('reads windows-1252, whose byte 0x85 ends no line', async () => {
    await write('rt-polarity.all', Buffer.from('0 d\xe9j\xe0 vu\x85 again\n'.concat('1 fine\n'.repeat(9)), 'latin1'));
    const { train, tests } = await load('mr');
    const all = [...train, ...tests[0]!.rows].map(({ texts }) => texts[0]);
    expect(all).toHaveLength(10);
    expect(all).toContain('d\u00e9j\u00e0 vu\u2026 again');
  });

  it('holds out the same tenth each time', async () => {
    await write('subj.all', Array.from({ length: 40 }, (_, i) => `${i % 2} sentence ${i}\n`).join(''));
    const first = await load('subj');
    expect([first.train.length, first.tests[0]!.rows.length]).toEqual([36, 4]);
    expect((await load('subj')).tests).toEqual(first.tests);
    expect(first.notes).toEqual(['4 of 40 rows of subj.all held out for testing']);
  });

  it('reads AG News from a folder of its own, and says where it is a cut', async () => {
    await mkdir(join(folder, 'ag_news'));
    await write('ag_news/dev.tsv', 'Oil is\tup\tBusiness\nThey won\tSports\n');
    await write('ag_news/test.tsv', 'A chip\tSci/Tech\n');
    const cut = await load('ag_news');
    expect(cut.train.map(({ texts, label }) => [texts[0], label])).toEqual([
      ['Oil is\tup', 2],
      ['They won', 1],
    ]);
    expect(cut.tests[0]!.rows.map(({ label }) => label)).toEqual([3]);
    expect(cut.subset).toBe(true);
    await write('ag_news/train.tsv', 'A war\tWorld\n');
    const whole = await load('ag_news');
    expect([whole.subset, whole.train.length]).toEqual([false, 1]);
    await write('ag_news/train.tsv', 'no label\n');
    await expect(load('ag_news')).rejects.toMatchObject({ code: 'TASK_FILE_MALFORMED' });
  });

  it('leaves empty sentences out where the official file has some, and says so', async () => {
    await write('mpqa.all', `0 \n${'1 fine\n'.repeat(10)}`);
    const { train, tests, notes } = await load('mpqa');
    expect([train.length, tests[0]!.rows.length]).toEqual([9, 1]);
    expect(notes[0]).toMatch(/mpqa.all: 1 rows with an empty text left out/);
  });

  it.each([
    ['no label', 'lonely\n', 'TASK_FILE_MALFORMED', /line 1 is "lonely"/],
    ['a label that the task does not have', '0 fine\n7 odd\n', 'TASK_LABEL_UNKNOWN', /line 2: label "7"/],
    ['a label without a text', '0 \n', 'TASK_TEXT_EMPTY', /line 1/],
    ['a line that is empty', '0 fine\n\n', 'TASK_FILE_MALFORMED', /line 2 is ""/],
    ['nothing', '', 'TASK_FILE_MALFORMED', /no rows/],
  ])('refuses %s', async (_, text, code, message) => {
    await write('subj.all', text);
    await expect(load('subj')).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('names the file that is missing', async () => {
    await expect(load('sst5')).rejects.toMatchObject({ code: 'TASK_FILE_MISSING' });
    await expect(loadTask(registry, 'sst5')).rejects.toMatchObject({ code: 'TASK_DIRECTORY_MISSING' });
  });
});

/** The official files may not be copied into the repository; they lie beside it where these tests run. */
const dataDirectory = fileURLToPath(new URL('../../../../shared/data/text-classification', import.meta.url));
const present = existsSync(dataDirectory);
if (!present)
  process.stderr.write(
    'sentence-tasks.spec.ts: skipped, no folder shared/data/text-classification beside the repository\n',
  );

(present ? it : it.skip).each(sentenceTasks.map(({ name }) => name))('%s is complete', async (name) => {
  const loaded = await loadTask(registry, name, { dataDirectory });
  expect(loaded.task.sizes).toEqual({
    train: loaded.subset ? loaded.task.sizes!.train : loaded.train.length,
    tests: loaded.tests.map(({ rows }) => rows.length),
  });
  const labels = new Set(loaded.train.map(({ label }) => label));
  expect(labels.size).toBe(loaded.task.output.kind === 'classes' ? loaded.task.output.labels.length : 0);
});
