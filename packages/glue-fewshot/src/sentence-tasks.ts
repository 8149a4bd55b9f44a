import { join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { createDecoder } from './decode-bytes.js';
import { findDataFolder, findTaskFolders } from './find-data-folder.js';
import { list } from './find-glue-files.js';
import { holdOut } from './hold-out.js';
import { labelRows } from './label-rows.js';
import { readBytes } from './read-table.js';
import { decodeText, emptyFile, malformed, type Table, tableOf } from './table.js';
import type { EmptyTextPolicy, LabelOutput, ReadOptions, TaskDefinition, TaskRows } from './task.js';

/** Fixed for good, like the number of rows: changing either changes every published number on the tasks without a test file. */
const testSeed = 0;
const testFraction = 0.1;

interface SentenceTable extends Pick<TaskDefinition, 'name' | 'title'> {
  readonly labels: readonly string[];
  /** A training and a test file, or one file of which a tenth is held out. */
  readonly files: readonly [string, string?];
  readonly sizes: TaskDefinition['sizes'];
  /** What its official file needs; `error` if absent. */
  readonly emptyText?: EmptyTextPolicy;
  /** Of a task whose files lie in a folder of their own and hold `sentence<TAB>label` lines. */
  readonly folder?: string;
  /** A file that is read where the training file is missing: a cut of it. */
  readonly cut?: string;
}

function sentenceTask({ labels, emptyText: usual = 'error', ...table }: SentenceTable): TaskDefinition {
  const { files, folder, cut: _cut, ...rest } = table;
  const task = {
    ...rest,
    fields: ['sentence'],
    output: { kind: 'classes', labels },
    metrics: ['accuracy', 'macro_f1'],
    headline: 'accuracy',
    tests: ['test'],
    origin: `${files.join(' and ')} in ${folder === undefined ? 'the data directory' : `folder ${folder} of the data directory`}`,
  } satisfies Omit<TaskDefinition, 'read'>;
  return {
    ...task,
    read: ({ emptyText = usual, ...options }) => readSentences(task, table, { ...options, emptyText }),
  };
}

async function readSentences(
  task: { readonly name: string; readonly output: LabelOutput },
  { files: [officialFile, testFile], folder: ownFolder, cut }: Pick<SentenceTable, 'files' | 'folder' | 'cut'>,
  { dataDirectory, emptyText }: ReadOptions & { readonly emptyText: EmptyTextPolicy },
): Promise<TaskRows> {
  if (dataDirectory === undefined)
    throw new PeftError('TASK_DIRECTORY_MISSING', {
      found: `no data directory for task ${task.name}`,
      expected: `a folder with ${ownFolder ?? officialFile}`,
      fix: 'give the folder that holds the sentence files',
    });
  const folder =
    ownFolder === undefined
      ? await findDataFolder(
          dataDirectory,
          [officialFile, testFile].filter((name) => name !== undefined),
        )
      : (await findTaskFolders(dataDirectory, [ownFolder]))[0]!;
  const subset = cut !== undefined && !(await list(folder)).includes(officialFile);
  const trainFile = subset ? cut : officialFile;
  const layout = { texts: [['sentence']], label: ['label'], labelsByIndex: true };
  const notes: string[] = [];
  const read = async (name: string) => {
    const file = join(folder, name);
    const table = parseLabelledLines(await readBytes(file), file, ownFolder === undefined ? labelFirst : labelLast);
    const { rows, notes: more } = labelRows(table, layout, task, emptyText);
    notes.push(...more);
    return rows;
  };
  const rows = await read(trainFile);
  const held = testFile === undefined ? holdOut(rows, Math.round(testFraction * rows.length), testSeed) : undefined;
  const { train, test } = held ?? { train: rows, test: await read(testFile!) };
  const files = [trainFile, testFile].flatMap((name) => (name === undefined ? [] : [join(folder, name)]));
  if (held) notes.push(`${test.length} of ${rows.length} rows of ${trainFile} held out for testing`);
  return { train, tests: [{ name: 'test', rows: test }], subset, files, notes };
}

/** How a line is cut: the place of the cut, its length, and which side is the label. */
interface LineLayout {
  readonly cutAt: (line: string) => number;
  readonly isLabelFirst: boolean;
  readonly form: string;
}
const labelFirst: LineLayout = { cutAt: (line) => line.indexOf(' '), isLabelFirst: true, form: 'label sentence' };
const labelLast: LineLayout = {
  cutAt: (line) => line.lastIndexOf('\t'),
  isLabelFirst: false,
  form: 'sentence<TAB>label',
};

/** Lines of a label and a sentence. Some of these files are windows-1252, where byte 0x85 ends no line. */
function parseLabelledLines(bytes: Uint8Array, file: string, { cutAt, isLabelFirst, form }: LineLayout): Table {
  const lines = decodeEither(bytes, file).split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) throw emptyFile(file);
  const rows = lines.map((line, index) => {
    const cut = cutAt(line);
    if (cut < 1)
      throw malformed(file, `line ${index + 1} is ${JSON.stringify(line.slice(0, 40))}`, `write \`${form}\``);
    const [first, second] = [line.slice(0, cut), line.slice(cut + 1).trim()];
    return isLabelFirst ? [first, second] : [second, first.trim()];
  });
  return tableOf(
    file,
    ['label', 'sentence'],
    rows,
    rows.map((_, index) => index + 1),
  );
}

function decodeEither(bytes: Uint8Array, file: string): string {
  try {
    return createDecoder('utf-8')!(bytes);
  } catch {
    return decodeText(bytes, file, 'windows-1252');
  }
}

/**
 * Classification of single sentences in the files that Kim (2014, arXiv 1408.5882) made common: one `label sentence` a line, words apart
 * from punctuation. TREC and SST-5 have test files; of the others, which have been cross-validated, the same tenth is always held out. AG News (Zhang et al.
 * 2015, arXiv 1509.01626) has `sentence<TAB>label` lines in a folder of its own; where its training file is missing, `dev.tsv` is read as a cut of it.
 */
export const sentenceTasks: readonly TaskDefinition[] = [
  sentenceTask({
    name: 'trec',
    title: 'TREC: what does the question ask for?',
    labels: ['description', 'entity', 'abbreviation', 'human', 'location', 'number'],
    files: ['TREC.train.all', 'TREC.test.all'],
    sizes: { train: 5452, tests: [500] },
  }),
  sentenceTask({
    name: 'sst5',
    title: 'SST-5: sentiment of a film review sentence, in five degrees',
    labels: ['very_negative', 'negative', 'neutral', 'positive', 'very_positive'],
    files: ['stsa.fine.train', 'stsa.fine.test'],
    sizes: { train: 8544, tests: [2210] },
  }),
  sentenceTask({
    name: 'mr',
    title: 'MR: sentiment of a film review sentence',
    labels: ['negative', 'positive'],
    files: ['rt-polarity.all'],
    sizes: { train: 9596, tests: [1066] },
  }),
  sentenceTask({
    name: 'subj',
    title: 'Subj: does the sentence judge or report?',
    labels: ['subjective', 'objective'],
    files: ['subj.all'],
    sizes: { train: 9000, tests: [1000] },
  }),
  sentenceTask({
    name: 'cr',
    title: 'CR: sentiment of a sentence about a product',
    labels: ['negative', 'positive'],
    files: ['custrev.all'],
    sizes: { train: 3394, tests: [377] },
    emptyText: 'drop',
  }),
  sentenceTask({
    name: 'mpqa',
    title: 'MPQA: polarity of an opinion phrase',
    labels: ['negative', 'positive'],
    files: ['mpqa.all'],
    sizes: { train: 9543, tests: [1060] },
    emptyText: 'drop',
  }),
  sentenceTask({
    name: 'ag_news',
    title: 'AG News: what is the article about?',
    labels: ['World', 'Sports', 'Business', 'Sci/Tech'],
    files: ['train.tsv', 'test.tsv'],
    folder: 'ag_news',
    cut: 'dev.tsv',
    sizes: { train: 120_000, tests: [7600] },
  }),
];
