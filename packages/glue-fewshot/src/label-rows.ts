import { PeftError } from '@tfjs-peft/peft-core';
import { type Cell, findColumn, placeOf, type Table } from './table.js';
import type { EmptyTextPolicy, LabelledText, TaskDefinition } from './task.js';

/** Which columns hold what. Each field has one name per file convention; the first that exists counts. */
export interface ColumnLayout {
  readonly texts: readonly (readonly string[])[];
  readonly label: readonly string[];
  /** Whether the files may give a label by its index instead of its name. */
  readonly labelsByIndex: boolean;
}

/**
 * Turns a table into labelled examples, numbered from 0 in the order of the file.
 * Errors: `TASK_COLUMN_MISSING`, `TASK_LABEL_UNKNOWN`, `TASK_TEXT_EMPTY`; each names file, line and cure.
 */
export function labelRows(
  table: Table,
  layout: ColumnLayout,
  { name, output }: Pick<TaskDefinition, 'name' | 'output'>,
  emptyText: EmptyTextPolicy,
): LabelledText[] {
  const textColumns = layout.texts.map((names) => findColumn(table, names));
  const labelColumn = findColumn(table, layout.label);
  const read = output.kind === 'classes' ? classReader(output.labels, layout.labelsByIndex) : scoreReader(output.range);
  const empty: number[] = [];
  const rows: LabelledText[] = [];
  for (const [i, cells] of table.rows.entries()) {
    const texts = textColumns.map((column) => toText(cells[column]));
    if (emptyText !== 'keep' && texts.some((text) => text.trim() === '')) {
      empty.push(i);
      continue;
    }
    const label = read(cells[labelColumn]);
    if (label === undefined) throw unknownLabel(table, i, cells[labelColumn], name, output);
    rows.push({ row: rows.length, texts, label });
  }
  if (empty.length > 0 && emptyText === 'error') throw emptyTexts(table, empty);
  return rows;
}

const toText = (cell: Cell): string => (cell === null || cell === undefined ? '' : String(cell));

function classReader(labels: readonly string[], byIndex: boolean) {
  const indices = new Map(labels.map((label, index) => [label, index]));
  if (byIndex) for (const index of labels.keys()) if (!indices.has(String(index))) indices.set(String(index), index);
  return (cell: Cell) => indices.get(toText(cell).trim());
}

const scoreReader =
  ([lowest, highest]: readonly [number, number]) =>
  (cell: Cell) => {
    const score = toNumber(cell);
    return score >= lowest && score <= highest ? score : undefined;
  };

/** The number a cell holds, or NaN. `Number('')` would be 0. */
export const toNumber = (cell: Cell): number => {
  const text = toText(cell).trim();
  return text === '' || typeof cell === 'boolean' ? Number.NaN : Number(text);
};

function unknownLabel(
  table: Table,
  row: number,
  cell: Cell,
  name: string,
  output: TaskDefinition['output'],
): PeftError {
  const shown = toText(cell).trim();
  const hidden = shown === '-1' && output.kind === 'classes';
  return new PeftError('TASK_LABEL_UNKNOWN', {
    found: `${table.file}, ${placeOf(table, row)}: ${shown === '' ? 'no label' : `label "${shown}"`}, which task ${name} does not have`,
    expected:
      output.kind === 'classes'
        ? `one of ${output.labels.slice(0, 20).join(', ')}`
        : `a number from ${output.range[0]} to ${output.range[1]}`,
    fix: hidden
      ? '-1 stands for the hidden labels of a GLUE test set; use the validation (dev) file'
      : 'correct that row, or name the column that holds the labels',
  });
}

function emptyTexts(table: Table, rows: readonly number[]): PeftError {
  const places = rows.slice(0, 5).map((row) => placeOf(table, row));
  return new PeftError('TASK_TEXT_EMPTY', {
    found: `${table.file}: empty text in ${places.join(', ')}${rows.length > 5 ? ` and ${rows.length - 5} more rows` : ''}`,
    expected: 'a text in every text column',
    fix: 'fill or remove these rows, or set emptyText to "drop" (leaves them out and renumbers the rest) or "keep"',
  });
}
