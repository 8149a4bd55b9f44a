import { join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import { findTaskFolders } from './find-data-folder.js';
import { findSet, type FoundSet, list, type SetNames } from './find-glue-files.js';
import { type ColumnLayout, labelRows } from './label-rows.js';
import { joinTables, parseParquet } from './parse-parquet.js';
import { parseTsv } from './parse-tsv.js';
import { readBytes } from './read-table.js';
import { decodeText, type Table } from './table.js';
import type { EmptyTextPolicy, LabelledText, LabelOutput, ReadOptions, TaskRows } from './task.js';

/** How a GLUE task lies on disk, in GLUE's own TSV folders and in the Hub's Parquet folders. */
export interface GlueSource extends ColumnLayout {
  /** Folder in the TSV layout: `SST-2`. */
  readonly folder: string;
  /** Folder in the Hub's layout: `sst2`. */
  readonly config: string;
  readonly tests: readonly ({ readonly name: string; readonly optional?: boolean } & SetNames)[];
  /** Columns of TSV files without a header (CoLA). A file with one is recognised. */
  readonly headerless?: { readonly columnNames: readonly string[]; readonly isRow: RegExp };
  /** Leaves out TSV rows with missing fields, as the Hub's readers do for QQP, so that row numbers agree. */
  readonly skipShortRows?: boolean;
  readonly emptyText?: EmptyTextPolicy;
}

/** Reads train and dev of a GLUE task; dev is the test set, because the labels of GLUE's own test sets are hidden. */
export async function readGlue(
  task: { readonly name: string; readonly output: LabelOutput },
  source: GlueSource,
  options: ReadOptions,
): Promise<TaskRows> {
  const { dataDirectory } = options;
  if (dataDirectory === undefined)
    throw new PeftError('TASK_DIRECTORY_MISSING', {
      found: `no data directory for task ${task.name}`,
      expected: `a folder with ${source.folder}/train.tsv or ${source.config}/train-00000-of-00001.parquet`,
      fix: 'give the folder that holds GLUE',
    });
  const directories = await findTaskFolders(dataDirectory, [source.folder, source.config]);
  const notes: string[] = [];
  const files: string[] = [];
  let subset = false;
  const read = async (set: SetNames): Promise<readonly LabelledText[] | undefined> => {
    const found = await findSet(directories, set);
    if (!found) return undefined;
    files.push(...found.files);
    if (found.subset) notes.push(`${found.files[0]} is a cut of the official set: not for reported numbers`);
    subset ||= found.subset;
    const table = await readSet(found, source, notes);
    const { rows, notes: more } = labelRows(table, source, task, options.emptyText ?? source.emptyText ?? 'error');
    notes.push(...more);
    return rows;
  };
  const train = await read({ tsv: ['train'], hub: 'train' });
  if (!train) throw await missing(dataDirectory, source, { tsv: ['train'], hub: 'train' });
  const tests = [];
  for (const { name, optional, ...set } of source.tests) {
    const rows = await read(set);
    if (rows) tests.push({ name, rows });
    else if (optional) notes.push(`no ${name} test set of ${task.name} found (${set.tsv[0]}.tsv)`);
    else throw await missing(dataDirectory, source, set);
  }
  return { train, tests, subset, files, notes };
}

async function readSet({ files }: FoundSet, source: GlueSource, notes: string[]): Promise<Table> {
  if (files[0]!.endsWith('.parquet')) {
    const shards: Table[] = [];
    for (const file of files) shards.push(await parseParquet(await readBytes(file), file));
    return joinTables(shards);
  }
  const file = files[0]!;
  const text = decodeText(await readBytes(file), file);
  let skipped = 0;
  const headerless = source.headerless?.isRow.test(text) ? source.headerless.columnNames : undefined;
  const table = parseTsv(text, file, {
    columnNames: headerless,
    onSkip: source.skipShortRows ? () => (skipped += 1) : undefined,
  });
  if (skipped > 0) notes.push(`${file}: ${skipped} rows with missing fields left out`);
  return table;
}

async function missing(dataDirectory: string, source: GlueSource, { tsv, hub }: SetNames): Promise<PeftError> {
  const present = await list(dataDirectory);
  const close = [source.folder, source.config].flatMap((name) => nearMisses(name, present));
  const hint =
    present.length === 0
      ? 'the folder is empty or does not exist'
      : close[0] && `did you mean ${join(dataDirectory, close[0])}?`;
  return new PeftError('TASK_FILE_MISSING', {
    found: `no ${source.folder}/${tsv[0]}.tsv in ${dataDirectory}${hint ? `; ${hint}` : ''}`,
    expected: [
      ...tsv.map((stem) => `${source.folder}/${stem}.tsv`),
      `${source.config}/${hub}-00000-of-00001.parquet`,
      `${source.config}/${hub}/0000.parquet`,
      `${source.folder}/${tsv.at(-1)}.subset.tsv`,
    ].join(' or '),
    fix: `give the folder ${source.folder}, the folder that holds the folders of the GLUE tasks, or the one above it`,
  });
}
