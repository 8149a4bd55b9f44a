import { meanWithInterval } from '../options/mean-with-interval.js';

/** Numbers of steps after which held-out tasks are judged. */
export const curveSteps: readonly number[] = [0, 1, 3, 5, 10];

/** A run as a row of the table. */
export interface CurveRow {
  /** What is averaged over. */
  readonly group: string;
  /** After each of {@link curveSteps}. */
  readonly values: readonly number[];
}

/** Means over the runs of a group with their 95 % intervals, as a table of Markdown; `title` names the first columns. */
export function printCurves(title: string, rows: readonly CurveRow[]): void {
  const columns = title.split('|').length;
  console.log(`| ${title} | seeds | ${curveSteps.map((count) => `after ${count}`).join(' | ')} |`);
  console.log(`|${'---|'.repeat(columns + 1 + curveSteps.length)}`);
  for (const group of new Set(rows.map((row) => row.group))) {
    const own = rows.filter((row) => row.group === group);
    const cells = curveSteps.map((_, place) => meanWithInterval(own.map(({ values }) => values[place]!)));
    console.log(`| ${group} | ${own.length} | ${cells.join(' | ')} |`);
  }
}
