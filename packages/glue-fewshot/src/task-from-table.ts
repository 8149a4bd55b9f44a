import { PeftError } from '@tfjs-peft/peft-core';
import { holdOut } from './hold-out.js';
import { type LabelStyle, labelSetOf } from './label-set.js';
import { type ColumnLayout, labelRows, type ReadRows } from './label-rows.js';
import { show } from './show.js';
import { findColumn, otherSeparator, type Table } from './table.js';
import { fieldsOfTemplate } from './fill-template.js';
import type { EmptyTextPolicy, LabelledText, TaskDefinition, TaskRows } from './task.js';
import { textRows } from './text-rows.js';

/** The held-out rows of such a task are always the same, whatever the data seed of a trial. */
const holdOutSeed = 0;

/** The columns of a labelled table and what is held out of it. */
export interface TableTaskOptions extends LabelStyle {
  readonly textColumn: string;
  /** Second text of a pair. */
  readonly textPairColumn?: string;
  readonly labelColumn: string;
  /** Part of the rows held out for testing where there is no test table; 0.2 by default. */
  readonly testFraction?: number;
  /** Name of the task; that of the file without its ending by default. */
  readonly name?: string;
  readonly emptyText?: EmptyTextPolicy;
  /**
   * Makes a task of texts: a prompt in which `{column}` stands for a cell, after which the text of the label column is to be written. Empty: nothing is given,
   * and the whole text is learned. `textColumn` and `textPairColumn` are not looked at then.
   */
  readonly promptTemplate?: string;
}

/**
 * Makes a task of any labelled table. Its labels are the values of the label column, sorted (numerically if all are numbers).
 * Errors: `TASK_COLUMN_MISSING`, `TASK_COLUMN_UNFIT` where cells are no texts or labels, `TASK_LABELS_UNFIT` where the labels are no classes, `TASK_LABEL_UNKNOWN`
 * where a number stands for no class of the file, `TASK_OPTION_INVALID`, also where the label is among the texts.
 *
 * @param testTable a second table with the same columns; without it, rows of `table` are held out
 */
export function taskFromTable(table: Table, options: TableTaskOptions, testTable?: Table): TaskDefinition {
  const { textColumn, textPairColumn, labelColumn, testFraction = 0.2, regression = false } = options;
  const { file } = table;
  if (!(testFraction > 0 && testFraction < 1))
    throw new PeftError('TASK_OPTION_INVALID', {
      found: `testFraction ${testFraction}`,
      expected: 'a number between 0 and 1',
      fix: 'leave it out for 0.2',
    });
  const baseName = file.replace(/^.*[\\/]/s, '');
  const files = testTable ? [file, testTable.file] : [file];
  const common = {
    name: options.name ?? baseName.replace(/(?<=.)\.[^.]*$/, ''),
    title: `rows of ${baseName}`,
    tests: ['test'],
    origin: files.join(', '),
  };
  const readRows = (rowsOf: (from: Table) => ReadRows, warnings: readonly string[]): TaskRows => {
    const { rows: all, notes: leftOut } = rowsOf(table);
    const given = testTable && rowsOf(testTable);
    const { train, test } = given ? { train: all, test: given.rows } : split(all, testFraction, file);
    const notes = [...leftOut, ...(given?.notes ?? []), ...repeatedTexts(train, test)];
    if (!testTable) notes.push(`${test.length} of ${all.length} rows of ${file} held out for testing`);
    return { train, tests: [{ name: 'test', rows: test }], subset: false, files, notes, warnings };
  };
  if (options.promptTemplate !== undefined)
    return {
      ...common,
      ...textsOfTable(table, options.promptTemplate, labelColumn),
      read: ({ emptyText = options.emptyText ?? 'error' }) => {
        const layout = { fields: fieldsOfTemplate(options.promptTemplate!), reference: labelColumn };
        return Promise.resolve(readRows((from) => textRows(from, layout, { emptyText }), []));
      },
    };
  const fields = textPairColumn === undefined ? [textColumn] : [textColumn, textPairColumn];
  const noHeader =
    'name an existing column; if the file has no header line, set columnNames (in the command: --column-names label,text)';
  for (const column of [...fields, labelColumn]) findColumn(table, [column], noHeader);
  checkLabelApart(table, fields, labelColumn);
  const { output, warnings } = labelSetOf(table, testTable && regression ? [testTable] : [], labelColumn, options);
  const layout: ColumnLayout = { texts: fields.map((field) => [field]), label: [labelColumn], labelsByIndex: false };
  const task = {
    ...common,
    fields,
    output,
    metrics: regression ? (['pearson', 'spearman'] as const) : (['accuracy', 'macro_f1', 'matthews'] as const),
    headline: regression ? ('spearman' as const) : ('accuracy' as const),
  };
  return {
    ...task,
    read: ({ emptyText = options.emptyText ?? 'error' }) =>
      Promise.resolve(readRows((from) => labelRows(from, layout, task, emptyText), warnings)),
  };
}

/** A task of texts: its fields are the columns that the template names. Errors: `TASK_COLUMN_MISSING`. */
function textsOfTable(table: Table, template: string, reference: string) {
  const fields = fieldsOfTemplate(template);
  for (const column of [...fields, reference]) findColumn(table, [column]);
  checkLabelApart(table, fields, reference);
  const metrics =
    fields.length === 0
      ? (['log_likelihood', 'perplexity', 'byte_perplexity'] as const)
      : (['rougeL', 'rouge1', 'rouge2', 'bleu', 'log_likelihood', 'perplexity'] as const);
  return { fields, output: { kind: 'text' as const, template }, metrics, headline: metrics[0] };
}

/** A text that holds its own label teaches nothing. Errors: `TASK_OPTION_INVALID`. */
function checkLabelApart(table: Table, fields: readonly string[], label: string): void {
  if (!fields.includes(label)) return;
  throw new PeftError('TASK_OPTION_INVALID', {
    found: `column ${show(label)} of ${table.file} as text and as label`,
    expected: 'a label in a column of its own',
    fix: otherSeparator(table) ?? 'name another column for one of them',
  });
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
  const keyOf = ({ texts, references = [] }: LabelledText) => [...texts, ...references].join('\n');
  const known = new Set(train.map(keyOf));
  const repeated = test.filter((row) => known.has(keyOf(row))).length;
  return repeated > 0 ? [`${repeated} of ${test.length} test rows also occur in the training rows`] : [];
}
