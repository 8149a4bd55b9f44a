import { PeftError } from '@tfjs-peft/peft-core';
import { toNumber } from './label-rows.js';
import { findColumn, placeOf, type Table } from './table.js';
import type { ClassOutput, RegressionOutput } from './task.js';

/** How the label column of a file is understood. */
export interface LabelStyle {
  /** Labels are scores to be predicted, not classes. */
  readonly regression?: boolean;
  /** More distinct labels than this are taken for a mistake; 100 by default. */
  readonly maxLabels?: number;
}

/** More distinct fractional numbers than this are scores, not classes. */
const maxFractionalLabels = 10;

/** Reads the label set, or the range of the scores, from the data. Errors: `TASK_COLUMN_MISSING`, `TASK_LABELS_UNFIT`. */
export function outputOf(
  table: Table,
  more: readonly Table[],
  labelColumn: string,
  { regression = false, maxLabels = 100 }: LabelStyle,
): ClassOutput | RegressionOutput {
  return regression ? rangeOf([table, ...more], labelColumn) : labelsOf(table, labelColumn, maxLabels);
}

function labelsOf(table: Table, labelColumn: string, maxLabels: number): ClassOutput {
  const column = findColumn(table, [labelColumn]);
  // A row without a label is reported with its line when the rows are read.
  const distinct = [...new Set(table.rows.map((row) => String(row[column] ?? '').trim()))].filter(
    (label) => label !== '',
  );
  const numbers = distinct.map(toNumber);
  const numeric = numbers.every(Number.isFinite);
  const unfit = (what: string, fix: string) =>
    new PeftError('TASK_LABELS_UNFIT', { found: `${table.file}, column "${labelColumn}": ${what}`, fix });
  if (numeric && distinct.length > maxFractionalLabels && numbers.some((number) => !Number.isInteger(number)))
    throw unfit(
      `${distinct.length} distinct fractional numbers`,
      'set regression to predict scores, or name the column that holds the classes',
    );
  if (distinct.length > maxLabels)
    throw unfit(
      `${distinct.length} distinct labels in ${table.rows.length} rows, more than ${maxLabels}`,
      'name the column that holds the classes; raise maxLabels if these are classes, set regression if they are scores',
    );
  if (distinct.length < 2)
    throw unfit(
      `only ${distinct.length === 0 ? 'empty labels' : `the label "${distinct[0]}"`}`,
      'a task needs at least two labels',
    );
  const labels = numeric ? distinct.sort((a, b) => Number(a) - Number(b)) : distinct.sort();
  return { kind: 'classes', labels };
}

/** Lowest and highest score; the middle of the range divides it where a protocol asks for classes. */
function rangeOf(tables: readonly Table[], labelColumn: string): RegressionOutput {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const table of tables) {
    const column = findColumn(table, [labelColumn]);
    for (const [i, row] of table.rows.entries()) {
      const score = toNumber(row[column]);
      if (!Number.isFinite(score))
        throw new PeftError('TASK_LABELS_UNFIT', {
          found: `${table.file}, ${placeOf(table, i)}: "${row[column] ?? ''}" in column "${labelColumn}"`,
          expected: 'a number, because regression is set',
          fix: 'correct that row, or leave regression out',
        });
      lowest = Math.min(lowest, score);
      highest = Math.max(highest, score);
    }
  }
  return { kind: 'regression', range: [lowest, highest], classBoundary: (lowest + highest) / 2 };
}
