import { summarise } from '@tfjs-peft/eval/statistics';
import { groupRuns } from '../options/group-runs.js';
import { markdownTable } from '../options/markdown-table.js';

/** Where finished draws are kept. */
export const ranksFile = 'docs/kernel/ranks.jsonl';

/** How A starts: as HF peft draws it by default, and by `gaussian`. */
export const rankStarts = ['kaiming', 'gaussian'] as const;

/** One draw of A. */
export interface RankRun {
  readonly task: string;
  readonly shots: number;
  readonly rank: number;
  readonly start: (typeof rankStarts)[number];
  readonly draw: number;
}
/** LoRA's kernel beside that of the weights that it acts on: cosine, and the relative deviation after the best factor. */
export interface RankResult extends RankRun {
  readonly alignment: number;
  readonly scaledDeviation: number;
}

/** Means over the draws with their standard deviations, by rank, as a table of Markdown. */
export function rankTable(results: readonly RankResult[]): string {
  const { columns, groups } = groupRuns(
    results.toSorted((a, b) => a.rank - b.rank),
    ['rank'],
    ['task', 'shots'],
  );
  const rows = groups.map(({ cells, own: all }) => [
    ...cells,
    ...rankStarts.flatMap((start) => {
      const own = all.filter((one) => one.start === start);
      const { rank } = all[0]!;
      return [
        cell(own.map(({ alignment }) => alignment)),
        cell(own.map(({ scaledDeviation }) => scaledDeviation)),
        (summarise(own.map(({ scaledDeviation }) => scaledDeviation)).mean * Math.sqrt(rank)).toFixed(2),
      ];
    }),
  ]);
  const titles = [...columns, ...rankStarts.flatMap((start) => [`${start}: alignment`, 'deviation', 'deviation · √r'])];
  return markdownTable([titles, ...rows]);
}

function cell(values: readonly number[]): string {
  const { mean, standardDeviation } = summarise(values);
  return mean.toFixed(3) + (standardDeviation === null ? '' : ` ± ${standardDeviation.toFixed(3)}`);
}
