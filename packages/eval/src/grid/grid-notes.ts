import type { GridAnalysis } from './analyse-grid.js';
import type { CellResults, StoredGrid } from './grid-folder.js';

/** What must be said beside the tables: what is missing, what was left out, what a pair is. */
export function notesOf({ config, cells: planned }: StoredGrid, analysis: GridAnalysis): string[] {
  const { cells, overall, ranks, pareto, damaged, effectNotes } = analysis;
  const missing = cells.filter((cell) => cell.missing > 0).map(({ id, missing: count }) => `${id} (${count})`);
  const chosen = planned.flatMap(({ id, chosen: values }) =>
    Object.entries(values ?? {}).map(
      ([method, own]) =>
        `${method} on ${id}: ${Object.entries(own)
          .map(([path, value]) => `${path} ${JSON.stringify(value)}`)
          .join(', ')}`,
    ),
  );
  const several = (overall?.rows ?? []).filter(({ kind, n }) => kind === 'trained' && n > 0).length > 1;
  const { testCap } = config.data;
  return [
    ...(testCap != null ? [`Test sets are cut to ${testCap} rows: for development, not for reported numbers.`] : []),
    ...(missing.length > 0 ? [`Missing results, marked in the tables: ${missing.join(', ')}.`] : []),
    ...damaged.map((why) => `Records left out: ${why}`),
    ...(overall
      ? overall.notes.filter((note) => !note.startsWith('Intervals:') && !note.startsWith('Missing:'))
      : ['No result yet.']),
    overall?.unit === 'train seed'
      ? 'A pair is one training seed on the only data split: nothing is said of other splits.'
      : `Over all cells a pair is one data split of one task, host and K, the mean over those training seeds that both arms finished (${config.seeds.train.map((seed) => `seed ${seed}`).join(', ')} are planned); the tests take pairs as independent, and pairs of one task are alike: they speak of these tasks.`,
    ...(ranks?.concordance != null
      ? [
          `Order of the arms: Kendall's W over ${ranks.cells} cells is ${ranks.concordance.toFixed(2)} (1: the same order everywhere).`,
        ]
      : []),
    ...(ranks && ranks.leftOut.length > 0
      ? [`Ranks leave out cells without results of all arms on common seeds: ${ranks.leftOut.join(', ')}.`]
      : []),
    ...(several && !ranks ? ['No ranks: no cell has results of all arms on common seeds.'] : []),
    ...(several && pareto.length === 0
      ? ['No costs: the arms have no seeds in common that all of them finished.']
      : []),
    ...effectNotes,
    ...(chosen.length > 0
      ? [`Chosen by development sets of data seeds ${config.search?.seeds.join(', ')}: ${chosen.join('; ')}.`]
      : []),
  ];
}

/** So many warnings are shown; the others stand in the summaries of their trials. */
const shownWarnings = 20;

/** What runs warned of, each warning once, with the runs that gave it. */
export function warningsOf(cells: readonly CellResults[]): string[] {
  /** By warning, which run of an arm, once for arms that share it. */
  const runs = new Map<string, Map<string, string>>();
  for (const { cell, results } of cells)
    for (const { warnings, path, method, dataSeed } of results)
      for (const warning of warnings) {
        const own = runs.get(warning) ?? new Map<string, string>();
        runs.set(warning, own);
        own.set(path, `${method} on ${cell.id}, data seed ${dataSeed}`);
      }
  const told = [...runs].map(([warning, own]) => {
    const [first] = own.values();
    return `Warning: ${warning} (${first}${own.size > 1 ? ` and ${own.size - 1} more` : ''})`;
  });
  const left = told.length - shownWarnings;
  return [
    ...told.slice(0, shownWarnings),
    ...(left > 0 ? [`${left} more warnings stand in the summaries of the runs.`] : []),
  ];
}
