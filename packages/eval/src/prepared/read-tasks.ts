import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import { type FileTaskOptions, type LabelledText, tableExtensions, taskFromFile } from '@tfjs-peft/glue-fewshot';
import type { LabelledTexts } from '@tfjs-peft/meta';
import type { Tokenizer } from '@tfjs-peft/transformer';

/** How the file of a task is read: the columns, and what the file does not say of itself. */
export type TaskColumns = Pick<
  FileTaskOptions,
  | 'textColumn'
  | 'textPairColumn'
  | 'labelColumn'
  | 'columnNames'
  | 'delimiter'
  | 'encoding'
  | 'quotedTsv'
  | 'maxLabels'
  | 'emptyText'
>;

/** How texts become tokens. */
export interface TextCut {
  readonly tokenizer: Tokenizer;
  readonly maxTokens: number;
}

/**
 * All labelled texts of one file, or of the one file in a folder (`train.*` if there are several), as a task; `name` is that of the file or the folder.
 * Errors: those of `taskFromFile` (`TASK_LABELS_UNFIT` for a single class among them), `TASK_FILE_MISSING`.
 */
export async function readLabelledTexts(path: string, columns: TaskColumns, cut: TextCut): Promise<LabelledTexts> {
  const { name, labels, train, test } = await readTask(path, undefined, columns, cut);
  return { name, labels, examples: [...train, ...test] };
}

/** The same with the texts of a second file, whose labels are those of the first. Errors: also `TASK_LABEL_UNKNOWN` for one that the first has not. */
export async function readTaskWithTest(
  path: string,
  testPath: string,
  columns: TaskColumns,
  cut: TextCut,
): Promise<{ readonly task: LabelledTexts; readonly test: LabelledTexts['examples'] }> {
  const { name, labels, train, test } = await readTask(path, testPath, columns, cut);
  return { task: { name, labels, examples: train }, test };
}

async function readTask(path: string, testPath: string | undefined, columns: TaskColumns, cut: TextCut) {
  const file = await fileOfTask(path);
  const testFile = testPath === undefined ? undefined : await fileOfTask(testPath);
  const task = await taskFromFile({ ...columns, file, ...(testFile !== undefined && { testFile }) });
  const { train, tests } = await task.read({});
  const examplesOf = (rows: readonly LabelledText[]) =>
    rows.map(({ texts, label }) => ({
      text: cut.tokenizer.encode(texts[0]!, { pair: texts[1], maxTokens: cut.maxTokens }),
      label,
    }));
  return {
    name: basename(path, isTable(path) ? extname(path) : ''),
    labels: task.output.kind === 'classes' ? task.output.labels : [],
    train: examplesOf(train),
    test: examplesOf(tests.flatMap(({ rows }) => rows)),
  };
}

/** Tasks to prepare on, and those that are held out. */
export interface TaskSets {
  readonly seen: readonly LabelledTexts[];
  readonly heldOut: readonly LabelledTexts[];
}

/**
 * The tasks of a folder, one a file or a folder in it, in the order of their names. Errors: `TASK_DIRECTORY_MISSING`, `TASKS_MISSING` where nothing is
 * left to prepare on, `UNKNOWN_TASK` for a held-out name that is none, and those of {@link readLabelledTexts}.
 */
export async function readTasks(
  folder: string,
  heldOut: readonly string[],
  columns: TaskColumns,
  cut: TextCut,
): Promise<TaskSets> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new PeftError('TASK_DIRECTORY_MISSING', {
      found: `no folder "${folder}" that can be read`,
      expected: 'a folder with one labelled file (CSV, TSV, JSONL, Parquet) a task, or one folder with such a file',
      fix: 'check the path',
      cause,
    });
  });
  const tasks: LabelledTexts[] = [];
  for (const name of names.sort()) {
    const path = join(folder, name);
    if (name.startsWith('.') || !(isTable(name) || (await isFolder(path)))) continue;
    tasks.push(await readLabelledTexts(path, columns, cut));
  }
  const known = tasks.map(({ name }) => name);
  const twice = known.find((name, index) => known.indexOf(name) !== index);
  if (twice !== undefined)
    throw new PeftError('TASK_DUPLICATE', {
      found: `two tasks called "${twice}" in "${folder}"`,
      expected: 'a name of its own for each file or folder, endings not counted',
      fix: 'rename one of them',
    });
  for (const name of heldOut) if (!known.includes(name)) throw unknownTask(name, known, folder);
  const seen = tasks.filter(({ name }) => !heldOut.includes(name));
  if (seen.length === 0)
    throw new PeftError('TASKS_MISSING', {
      found: `${known.length} tasks in "${folder}", ${known.length === 0 ? 'which is none' : 'all of them held out'}`,
      expected: 'at least one to prepare on',
      fix: known.length === 0 ? 'put one labelled file a task into the folder' : 'hold out fewer of them',
    });
  return { seen, heldOut: tasks.filter(({ name }) => heldOut.includes(name)) };
}

const isTable = (name: string): boolean => tableExtensions.some((end) => name.toLowerCase().endsWith(end));
const isFolder = async (path: string): Promise<boolean> => (await stat(path).catch(() => null))?.isDirectory() ?? false;

async function fileOfTask(path: string): Promise<string> {
  if (!(await isFolder(path))) return path;
  const tables = (await readdir(path)).filter(isTable).sort();
  const [train] = tables.filter((name) => name.startsWith('train.'));
  const file = train ?? (tables.length === 1 ? tables[0] : undefined);
  if (file !== undefined) return join(path, file);
  throw new PeftError('TASK_FILE_MISSING', {
    found: `${tables.length === 0 ? 'no labelled file' : `${tables.length} labelled files, none of them "train.*",`} in "${path}"`,
    expected: 'one file a task, or one called train.csv (.tsv, .jsonl, .parquet)',
    fix: 'move other files out of the folder of the tasks',
  });
}

function unknownTask(name: string, known: readonly string[], folder: string): PeftError {
  const [near] = nearMisses(name, known, 1);
  return new PeftError('UNKNOWN_TASK', {
    found: `held-out task "${name}", which "${folder}" does not have`,
    expected: `some of ${known.join(', ') || '(none)'}`,
    fix: near === undefined ? 'name files without their ending' : `did you mean "${near}"?`,
  });
}
