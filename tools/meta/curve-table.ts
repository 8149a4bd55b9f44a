import { groupRuns } from '../options/group-runs.js';
import { markdownTable } from '../options/markdown-table.js';
import { meanWithInterval } from '../options/mean-with-interval.js';

/** Numbers of steps after which held-out tasks are judged. */
export const curveSteps: readonly number[] = [0, 1, 3, 5, 10];

/**
 * Means over the seeds of a setting with their 95 % intervals, or what `show` makes of them, as a table of Markdown. `valuesOf` gives a number for each of
 * {@link curveSteps}; settings in `others` are shown where they differ.
 */
export function curveTable<Result, Key extends keyof Result & string>(
  results: readonly Result[],
  keys: readonly Key[],
  others: readonly Key[],
  valuesOf: (result: Result) => readonly number[],
  show: (values: readonly number[]) => string = meanWithInterval,
): string {
  const { columns, groups } = groupRuns(results, keys, others);
  const titles: string[] = [...columns, 'seeds', ...curveSteps.map((count) => `after ${count}`)];
  const rows = groups.map(({ cells, own }) => [
    ...cells,
    String(own.length),
    ...curveSteps.map((_, place) => show(own.map((result) => valuesOf(result)[place]!))),
  ]);
  return markdownTable([titles, ...rows]);
}
