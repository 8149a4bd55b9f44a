import { basename, extname } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { holdOut } from './hold-out.js';
import { type LabelStyle, labelSetOf } from './label-set.js';
import { type ColumnLayout, labelRows } from './label-rows.js';
import { readTable, type TableOptions } from './read-table.js';
import { findColumn, type Table } from './table.js';
import type { EmptyTextPolicy, LabelledText, TaskDefinition } from './task.js';

/** The held-out rows of a file task are always the same, whatever the data seed of a trial. */
const holdOutSeed = 0;

/** A labelled file: its columns and what is held out of it. */
export interface FileTaskOptions extends TableOptions, LabelStyle {
  /** A CSV, TSV, JSONL or Parquet file with labelled rows. */
  readonly file: string;
  readonly textColumn: string;
  /** Second text of a pair. */
  readonly textPairColumn?: string;
  readonly labelColumn: string;
  /** A second file with the same columns. Without it, rows of `file` are held out. */
  readonly testFile?: string;
  /** Part of the rows held out for testing where there is no test file; 0.2 by default. */
  readonly testFraction?: number;
  /** Name of the task; that of the file without its ending by default. */
  readonly name?: string;
  readonly emptyText?: EmptyTextPolicy;
}

/**
 * Makes a task of any labelled file. Its labels are the values of the label column, sorted (numerically if all are numbers).
 * Errors: those of the readers, `TASK_COLUMN_MISSING`, `TASK_COLUMN_UNFIT` where cells are no texts or labels, `TASK_LABELS_UNFIT` where the labels are no classes, `TASK_OPTION_INVALID`.
 */
export async function taskFromFile(options: FileTaskOptions): Promise<TaskDefinition> {
  const { file, testFile, textColumn, textPairColumn, labelColumn, testFraction = 0.2, regression = false } = options;
  if (!(testFraction > 0 && testFraction < 1))
    throw new PeftError('TASK_OPTION_INVALID', {
      found: `testFraction ${testFraction}`,
      expected: 'a number between 0 and 1',
      fix: 'leave it out for 0.2',
    });
  const table = await readTable(file, options);
  const testTable = testFile === undefined ? undefined : await readTable(testFile, options);
  const fields = textPairColumn === undefined ? [textColumn] : [textColumn, textPairColumn];
  const noHeader =
    'name an existing column; if the file has no header line, set columnNames (in the command: --column-names label,text)';
  for (const column of [...fields, labelColumn]) findColumn(table, [column], noHeader);
  const name = options.name ?? basename(file, extname(file));
  const { output, warnings } = labelSetOf(table, testTable && regression ? [testTable] : [], labelColumn, options);
  const layout: ColumnLayout = { texts: fields.map((field) => [field]), label: [labelColumn], labelsByIndex: false };
  const task = {
    name,
    title: `rows of ${basename(file)}`,
    fields,
    output,
    metrics: regression ? (['pearson', 'spearman'] as const) : (['accuracy', 'macro_f1', 'matthews'] as const),
    headline: regression ? ('spearman' as const) : ('accuracy' as const),
    tests: ['test'],
    origin: testFile === undefined ? file : `${file}, ${testFile}`,
  };
  return {
    ...task,
    async read({ emptyText = options.emptyText ?? 'error' }) {
      const rowsOf = (from: Table) => labelRows(from, layout, task, emptyText);
      const all = rowsOf(table);
      const { train, test } = testTable ? { train: all, test: rowsOf(testTable) } : split(all, testFraction, file);
      const notes = [...repeatedTexts(train, test)];
      if (testFile === undefined) notes.push(`${test.length} of ${all.length} rows of ${file} held out for testing`);
      const files = testFile === undefined ? [file] : [file, testFile];
      return { train, tests: [{ name: 'test', rows: test }], subset: false, files, notes, warnings };
    },
  };
}

function split(rows: readonly LabelledText[], fraction: number, file: string) {
  const count = Math.max(1, Math.round(fraction * rows.length));
  if (count < rows.length) return holdOut(rows, count, holdOutSeed);
  throw new PeftError('TASK_FILE_MALFORMED', {
    found: `${file}: ${rows.length} row${rows.length === 1 ? '' : 's'}, of which ${count} would be held out for testing`,
    fix: 'add rows, or give a test file',
  });
}

/** Repeated texts make a test score too good; that is worth a line, but may be wanted. */
function repeatedTexts(train: readonly LabelledText[], test: readonly LabelledText[]): string[] {
  const known = new Set(train.map(({ texts }) => texts.join('\n')));
  const repeated = test.filter(({ texts }) => known.has(texts.join('\n'))).length;
  return repeated > 0 ? [`${repeated} of ${test.length} test rows also occur in the training rows`] : [];
}
