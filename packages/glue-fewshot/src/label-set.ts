import { PeftError } from '@tfjs-peft/peft-core';
import { labelKey } from './label-key.js';
import { labelText, toNumber } from './label-rows.js';
import { show } from './show.js';
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

export interface LabelSet {
  readonly output: ClassOutput | RegressionOutput;
  /** Labels that look like one another, or like several in one. */
  readonly warnings: readonly string[];
}

/**
 * Reads the label set, or the range of the scores, from the data. Errors: `TASK_COLUMN_MISSING`, `TASK_COLUMN_UNFIT`,
 * `TASK_LABELS_UNFIT`, `TASK_LABEL_UNKNOWN` for a number that stands for no class of the file.
 */
export function labelSetOf(
  table: Table,
  more: readonly Table[],
  labelColumn: string,
  { regression = false, maxLabels = 100 }: LabelStyle,
): LabelSet {
  return regression
    ? { output: rangeOf([table, ...more], labelColumn), warnings: [] }
    : classesOf(table, labelColumn, maxLabels);
}

function classesOf(table: Table, labelColumn: string, maxLabels: number): LabelSet {
  const column = findColumn(table, [labelColumn]);
  const spellings = new Map<string, Set<string>>();
  for (let row = 0; row < table.rowCount; row++) {
    const label = labelText(table, row, column);
    // A row without a label is reported with its line when the rows are read.
    if (label === '') continue;
    const known = spellings.get(labelKey(label));
    if (known) known.add(label);
    else spellings.set(labelKey(label), new Set([label]));
  }
  const distinct = [...spellings.values()].map(shortest);
  const numbers = distinct.map(toNumber);
  const numeric = numbers.every(Number.isFinite);
  const unfit = (what: string, fix: string) =>
    new PeftError('TASK_LABELS_UNFIT', { found: `${table.file}, column ${show(labelColumn)}: ${what}`, fix });
  if (numeric && distinct.length > maxFractionalLabels && numbers.some((number) => !Number.isInteger(number)))
    throw unfit(
      `${distinct.length} distinct fractional numbers`,
      'set regression (in the command: --regression) to predict scores, or name the column that holds the classes',
    );
  if (distinct.length > maxLabels)
    throw unfit(
      `${distinct.length} distinct labels in ${table.rowCount} rows, more than ${maxLabels}`,
      `name the column that holds the classes; raise maxLabels (in the command: --max-labels ${distinct.length}) if these are classes, set regression (--regression) if they are scores`,
    );
  if (distinct.length < 2)
    throw unfit(
      `only ${distinct.length === 0 ? 'empty labels' : `the label ${show(distinct[0]!)}`}`,
      'a task needs at least two labels',
    );
  const labels = numeric ? distinct.sort((a, b) => Number(a) - Number(b)) : distinct.sort();
  return {
    output: { kind: 'classes', labels: inOrderOf(labels, table.classNames?.get(labelColumn)) },
    warnings: [...mergedSpellings(spellings, labelColumn), ...alikeLabels(labels), ...joinedLabels(labels)],
  };
}

/** The order that the file itself gives its classes, where it does. */
const inOrderOf = (labels: readonly string[], names: readonly string[] = []): readonly string[] => {
  const place = new Map(names.map((name, index) => [name, index]));
  const last = names.length;
  return [...labels].sort((a, b) => (place.get(a) ?? last) - (place.get(b) ?? last));
};

const shortest = (spellings: ReadonlySet<string>): string =>
  [...spellings].reduce((best, next) => (next.length < best.length ? next : best));

const mergedSpellings = (spellings: ReadonlyMap<string, ReadonlySet<string>>, column: string): string[] =>
  [...spellings.values()]
    .filter(({ size }) => size > 1)
    .slice(0, 5)
    .map(
      (same) =>
        `column ${show(column)} writes one label in ${same.size} ways (${[...same].slice(0, 3).map(show).join(', ')}): read as the class ${show(shortest(same))}`,
    );

/** Labels that differ in case or spaces alone are probably one class. */
function alikeLabels(labels: readonly string[]): string[] {
  const groups = new Map<string, string[]>();
  for (const label of labels) {
    const key = label.toLowerCase().replace(/[\s_-]+/g, ' ');
    groups.set(key, [...(groups.get(key) ?? []), label]);
  }
  return [...groups.values()]
    .filter(({ length }) => length > 1)
    .slice(0, 5)
    .map(
      (same) =>
        `the labels ${same.slice(0, 3).map(show).join(' and ')} are nearly the same, but count as ${same.length} classes`,
    );
}

/** `a|b` beside `a` and `b|c` is probably a list: each combination would be a class of its own. */
function joinedLabels(labels: readonly string[]): string[] {
  for (const mark of ['|', ';', ',']) {
    const uses = new Map<string, number>();
    const parts = labels.map((label) => [...new Set(label.split(mark).map((part) => part.trim()))]);
    for (const part of parts.flat()) uses.set(part, (uses.get(part) ?? 0) + 1);
    const joined = labels.filter((_, i) => parts[i]!.length > 1 && parts[i]!.every((part) => uses.get(part)! > 1));
    if (joined.length > 0)
      return [
        `labels such as ${show(joined[0]!)} look like several labels in one; each combination counts as a class of its own`,
      ];
  }
  return [];
}

/** Lowest and highest score of all tables; those of the first one, which is trained on, say where protocols that ask for classes divide it. */
function rangeOf(tables: readonly Table[], labelColumn: string): RegressionOutput {
  const sorted = tables.map((table) => scoresOf(table, labelColumn).sort());
  const lowest = sorted.reduce((least, scores) => Math.min(least, scores[0]!), Number.POSITIVE_INFINITY);
  const highest = sorted.reduce((most, scores) => Math.max(most, scores.at(-1)!), Number.NEGATIVE_INFINITY);
  return { kind: 'regression', range: [lowest, highest], classBoundary: evenBoundary(sorted[0]!) };
}

function scoresOf(table: Table, labelColumn: string): Float64Array {
  const column = findColumn(table, [labelColumn]);
  return Float64Array.from({ length: table.rowCount }, (_, row) => {
    const text = labelText(table, row, column);
    const score = toNumber(text);
    if (Number.isFinite(score)) return score;
    throw new PeftError('TASK_LABELS_UNFIT', {
      found: `${table.file}, ${placeOf(table, row)}: ${show(text)} in column ${show(labelColumn)}`,
      expected: 'a number, because regression is set',
      fix: 'correct that row, or leave regression out',
    });
  });
}

/**
 * The score that has most nearly as many scores below it as not: the median, or the next one above where many are the same. Outliers do not
 * move it as they move the middle of the range.
 */
function evenBoundary(sorted: Float64Array): number {
  const median = sorted[sorted.length >> 1]!;
  const smallerSide = (below: number) => Math.min(below, sorted.length - below);
  const [below, upTo] = [sorted.indexOf(median), sorted.lastIndexOf(median) + 1];
  return smallerSide(upTo) > smallerSide(below) ? sorted[upTo]! : median;
}
