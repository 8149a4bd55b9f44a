import { PeftError } from '@tfjs-peft/peft-core';
import { labelKey } from './label-key.js';
import { show } from './show.js';
import { type Cell, findColumn, placeOf, type Table } from './table.js';
import type { EmptyTextPolicy, LabelledText, LabelOutput } from './task.js';

/** Which columns hold what. Each field has one name per file convention; the first that exists counts. */
export interface ColumnLayout {
  readonly texts: readonly (readonly string[])[];
  readonly label: readonly string[];
  /** Whether the files may give a label by its index instead of its name. */
  readonly labelsByIndex: boolean;
}

/** The examples of a table, and what a user should know of the rows that are none. */
export interface ReadRows {
  readonly rows: readonly LabelledText[];
  readonly notes: readonly string[];
}

/** Says how many rows of a table were left out, if any. */
export const leftOut = ({ file }: Table, count: number, what: string): string[] =>
  count > 0 ? [`${file}: ${count} rows ${what} left out`] : [];

/**
 * Turns a table into labelled examples, numbered from 0 in the order of the file.
 * Errors: `TASK_COLUMN_MISSING`, `TASK_COLUMN_UNFIT`, `TASK_LABEL_UNKNOWN`, `TASK_TEXT_EMPTY`; each names file, line and cure.
 */
export function labelRows(
  table: Table,
  layout: ColumnLayout,
  { name, output }: { readonly name: string; readonly output: LabelOutput },
  emptyText: EmptyTextPolicy,
): ReadRows {
  const textColumns = layout.texts.map((names) => findColumn(table, names));
  const labelColumn = findColumn(table, layout.label);
  const read = output.kind === 'classes' ? classReader(output.labels, layout.labelsByIndex) : scoreReader(output.range);
  const labelAt = layout.labelsByIndex ? plainLabel : labelText;
  const empty: number[] = [];
  const rows: LabelledText[] = [];
  for (let i = 0; i < table.rowCount; i++) {
    const texts = textColumns.map((column) => textAt(table, i, column));
    if (emptyText !== 'keep' && texts.some((text) => text.trim() === '')) {
      empty.push(i);
      continue;
    }
    const shown = labelAt(table, i, labelColumn);
    const label = read(shown);
    if (label === undefined) throw unknownLabel(table, i, shown, `task ${name}`, output);
    rows.push({ row: rows.length, texts, label });
  }
  if (empty.length > 0 && emptyText === 'error') throw emptyTexts(table, empty);
  return { rows, notes: leftOut(table, empty.length, 'with an empty text') };
}

const toText = (cell: Cell): string => (cell === null || cell === undefined ? '' : String(cell));

/** The text of a cell; '' where there is none. Errors: `TASK_COLUMN_UNFIT` for a cell that is no text. */
export function textAt(table: Table, row: number, column: number): string {
  const cell = table.cell(row, column);
  if (typeof cell !== 'object' || cell === null) return toText(cell);
  throw unfit(
    table,
    row,
    column,
    'a text',
    'write one text in each row (join a list of words with spaces, take one field of a record), or name another column',
  );
}

/** The label of a row as text, without the outer spaces. Errors: `TASK_COLUMN_UNFIT` for a cell that is no label, or several. */
function plainLabel(table: Table, row: number, column: number): string {
  const cell = table.cell(row, column);
  const text = typeof cell === 'object' && cell !== null ? undefined : toText(cell).trim();
  if (text !== undefined && !isList(text)) return text;
  throw unfit(
    table,
    row,
    column,
    'one label: a text has one here, never several',
    'write one label in each row; for several labels a text, train one task of yes and no for each of them',
  );
}

/**
 * Like {@link plainLabel}; a number that stands for a class the file names becomes that name. Errors: `TASK_LABEL_UNKNOWN` for a number without
 * one, such as -1, with which `datasets` marks rows without a label.
 */
export function labelText(table: Table, row: number, column: number): string {
  const text = plainLabel(table, row, column);
  const columnName = table.columns[column]!;
  const labels = table.classNames?.get(columnName);
  const index = toNumber(text);
  if (labels === undefined || !Number.isInteger(index)) return text;
  const label = labels[index];
  if (label !== undefined) return label;
  throw unknownLabel(table, row, text, `column ${show(columnName)}`, { kind: 'classes', labels });
}

/** A list that a spreadsheet or a data frame wrote as text. */
const isList = (text: string) => /^\[.*\]$/s.test(text);

function unfit(table: Table, row: number, column: number, expected: string, fix: string): PeftError {
  return new PeftError('TASK_COLUMN_UNFIT', {
    found: `${table.file}, ${placeOf(table, row)}: ${describe(table.cell(row, column))} in column ${show(table.columns[column]!)}`,
    expected,
    fix,
  });
}

function describe(cell: Cell): string {
  if (Array.isArray(cell)) return `a list of ${cell.length} value${cell.length === 1 ? '' : 's'}`;
  if (cell instanceof Date) return 'a date';
  if (ArrayBuffer.isView(cell)) return 'bytes';
  return typeof cell === 'object' ? 'a record with fields' : `the list ${show(toText(cell))}`;
}

function classReader(labels: readonly string[], byIndex: boolean) {
  const indices = new Map(labels.map((label, index) => [labelKey(label), index]));
  if (byIndex) for (const index of labels.keys()) if (!indices.has(String(index))) indices.set(String(index), index);
  return (text: string) => indices.get(labelKey(text));
}

const scoreReader =
  ([lowest, highest]: readonly [number, number]) =>
  (text: string) => {
    const score = toNumber(text);
    return score >= lowest && score <= highest ? score : undefined;
  };

/** The number a text says, or NaN. `Number('')` would be 0. */
export const toNumber = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

function unknownLabel(table: Table, row: number, label: string, owner: string, output: LabelOutput): PeftError {
  const hidden = toNumber(label) === -1 && output.kind === 'classes';
  return new PeftError('TASK_LABEL_UNKNOWN', {
    found: `${table.file}, ${placeOf(table, row)}: ${label === '' ? 'no label' : `label ${show(label)}`}, which ${owner} does not have`,
    expected:
      output.kind === 'classes'
        ? `one of ${output.labels
            .slice(0, 20)
            .map((known) => show(known).slice(1, -1))
            .join(', ')}`
        : `a number from ${output.range[0]} to ${output.range[1]}`,
    fix: hidden
      ? '-1 stands for the hidden labels of a GLUE test set (use the validation (dev) file) or for no label (leave that row out)'
      : 'correct that row, or name the column that holds the labels',
  });
}

function emptyTexts(table: Table, rows: readonly number[]): PeftError {
  const places = rows.slice(0, 5).map((row) => placeOf(table, row));
  return new PeftError('TASK_TEXT_EMPTY', {
    found: `${table.file}: empty text in ${places.join(', ')}${rows.length > 5 ? ` and ${rows.length - 5} more rows` : ''}`,
    expected: 'a text in every text column',
    fix: 'fill or remove these rows, or set emptyText (in the command: --empty-text) to "drop" (leaves them out and renumbers the rest) or "keep"',
  });
}
