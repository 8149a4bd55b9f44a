import { PeftError } from '@tfjs-peft/peft-core';
import { leftOut, type ReadRows } from './label-rows.js';
import { show } from './show.js';
import { type Cell, findColumn, placeOf, type Table } from './table.js';
import type { EmptyTextPolicy, LabelledText } from './task.js';

/** Which columns of a table hold what, in a task of texts. */
export interface TextLayout {
  /** What a prompt is made of; may be none. */
  readonly fields: readonly string[];
  /** What is to be written: one text, or several that would all be right. */
  readonly reference: string;
  /** What groups rows. */
  readonly group?: string;
}

/**
 * Turns a table into examples of a task of texts, numbered from 0 in the order of the file; of one group alone if one is named.
 * Errors: `TASK_COLUMN_MISSING`, `TASK_COLUMN_UNFIT`, `TASK_TEXT_EMPTY` for a row without a reference, `TASK_GROUP_UNKNOWN`.
 */
export function textRows(
  table: Table,
  layout: TextLayout,
  { group, emptyText = 'error' }: { readonly group?: string | undefined; readonly emptyText?: EmptyTextPolicy },
): ReadRows {
  const fields = layout.fields.map((name) => findColumn(table, [name]));
  const reference = findColumn(table, [layout.reference]);
  const chosen = rowsOfGroup(table, layout.group, group);
  const rows: LabelledText[] = [];
  for (const row of chosen) {
    const references = referencesAt(table, row, reference);
    if (references.length === 0 && emptyText === 'error') throw nothingToWrite(table, row, layout.reference);
    // Without anything to learn there is nothing to keep either.
    if (references.length === 0) continue;
    const texts = fields.map((column) => joined(table, row, column));
    rows.push({ row: rows.length, texts, label: 0, references });
  }
  return { rows, notes: leftOut(table, chosen.length - rows.length, 'without a text to write') };
}

/** Errors: `TASK_GROUP_UNKNOWN`. */
function rowsOfGroup(table: Table, column: string | undefined, group: string | undefined): number[] {
  const all = Array.from({ length: table.rowCount }, (_, row) => row);
  if (group === undefined) return all;
  if (column === undefined) throw noGroup(group, table.file, []);
  const place = findColumn(table, [column]);
  const chosen = all.filter((row) => String(table.cell(row, place)) === group);
  if (chosen.length > 0) return chosen;
  throw noGroup(group, table.file, [...new Set(all.map((row) => String(table.cell(row, place))))]);
}

/** Of a group that a task does not have. */
export const noGroup = (group: string, where: string, known: readonly string[]): PeftError =>
  new PeftError('TASK_GROUP_UNKNOWN', {
    found: `group ${show(group)} in ${where}`,
    expected:
      known.length === 0
        ? 'no group: these rows have none'
        : `one of ${known.slice(0, 20).map(show).join(', ')}${known.length > 20 ? ', …' : ''}`,
    fix: known.length === 0 ? 'leave the group out' : 'name one of them, or leave the group out for all rows',
  });

/** Texts of a cell: itself, or those of a list. Empty ones are left out. */
function referencesAt(table: Table, row: number, column: number): string[] {
  const cell = table.cell(row, column);
  const texts = Array.isArray(cell) ? (cell as Cell[]) : [cell];
  return texts.map((text) => plain(text, table, row, column)).filter((text) => text.trim() !== '');
}

/** A cell as one text: a list of lists, such as the triples of a graph, as `a : b : c | d : e : f`. */
function joined(table: Table, row: number, column: number): string {
  const cell = table.cell(row, column);
  if (!Array.isArray(cell)) return plain(cell, table, row, column);
  return (cell as Cell[])
    .map((part) =>
      Array.isArray(part)
        ? (part as Cell[]).map((each) => plain(each, table, row, column)).join(' : ')
        : plain(part, table, row, column),
    )
    .join(' | ');
}

function plain(cell: Cell, table: Table, row: number, column: number): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell !== 'object') return String(cell);
  throw new PeftError('TASK_COLUMN_UNFIT', {
    found: `${table.file}, ${placeOf(table, row)}: a record in column ${show(table.columns[column]!)}`,
    expected: 'a text, or a list of texts',
    fix: 'take one field of the record, or name another column',
  });
}

const nothingToWrite = (table: Table, row: number, column: string) =>
  new PeftError('TASK_TEXT_EMPTY', {
    found: `${table.file}: no text in column ${show(column)} in ${placeOf(table, row)}`,
    expected: 'the text that is to be written',
    fix: 'fill or remove the row, or set emptyText (in the command: --empty-text) to "drop"',
  });
