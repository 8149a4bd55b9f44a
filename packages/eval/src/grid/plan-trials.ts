import { join, resolve } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import type { ExperimentConfigInput } from '../config/experiment-config.js';
import { resolveExperiment } from '../config/resolve-experiment.js';
import { trialFolderName } from '../config/trial-config.js';
import { loadGivenPlugins, nameFromFolder, type PluginModule } from '../methods/load-plugins.js';
import { type Catalogue, createCatalogue, type EvalPlugin } from '../methods/plugins.js';
import { claimExperimentFolder } from '../records/experiment-folder.js';
import { readSummary } from '../records/trial-folder.js';
import type { TrialSummary } from '../records/trial-summary.js';
import { compareConfigurations, describeDifferences } from '../run-folder/compare-configurations.js';
import { withAbsolutePaths } from './grid-paths.js';
import { expandGrid, type ExpandedGrid, type GridCell, withChosen } from './expand-grid.js';
import { type GridConfigInput, parseGrid } from './grid-config.js';
import { gridFiles, readGrid, type StoredGrid, writeGrid } from './grid-folder.js';
import { chooseTry, type Try } from './search-space.js';
import { type ListedTrial, type Listing, refuseMore, writeTrialList } from './trial-list.js';

/** Where the plugins of a grid are looked for. */
export interface OpenGridOptions {
  /** In addition to the grid's own: names of modules, seen from the working directory, or objects. */
  readonly plugins?: readonly (EvalPlugin | string)[];
  /** Where the grid's own plugins are looked for, the folder of its file; the working directory if absent. */
  readonly directory?: string;
}

/** A grid with its plugins found. */
export interface OpenedGrid {
  readonly grid: ExpandedGrid;
  readonly modules: readonly PluginModule[];
  readonly catalogue: Catalogue;
}

/** Expands a grid with its plugins. Errors: those of {@link expandGrid}, `PLUGIN_UNUSABLE`. */
export async function openGrid(input: GridConfigInput, options: OpenGridOptions = {}): Promise<OpenedGrid> {
  const parsed = parseGrid(input);
  const directory = resolve(options.directory ?? '.');
  const { modules, plugins } = await loadGivenPlugins(options.plugins ?? [], { names: parsed.plugins, directory });
  const catalogue = createCatalogue(plugins);
  return { grid: expandGrid(withAbsolutePaths(parsed), catalogue), modules, catalogue };
}

/** What is known of the trials of a grid. */
export interface GridPlan {
  readonly stored: StoredGrid;
  readonly trials: readonly ListedTrial[];
  /** Cells whose settings are not chosen yet: their trials are known once their tries have ended. */
  readonly undecided: number;
}

/** How trials are planned. */
export interface PlanTrialsOptions {
  readonly folder: string;
  /** With which the grid can be run again; that of the folder if absent. */
  readonly command?: string;
  /** Which tries that failed, by their folders below that of the grid, are open again; nothing is chosen before. None if absent. */
  readonly retry?: (folder: string) => boolean;
}

/**
 * Writes `grid.json`, `trials.jsonl` and the `experiment.yaml` of each cell, as far as trials are known: where settings are searched, the
 * tries come first, and once they have ended the development sets choose. May be called again at any time, by one writer at a time. Errors: `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`,
 * `SEARCH_FAILED`, `TRIALS_DAMAGED`, `GRID_TOO_LARGE`, `OUTPUT_UNWRITABLE`, `DISK_FULL`.
 */
export async function planTrials(
  { grid, modules, catalogue }: OpenedGrid,
  { folder, command, retry = () => false }: PlanTrialsOptions,
): Promise<GridPlan> {
  refuseMore(grid.trials);
  const earlier = await readGrid(folder);
  if (earlier) requireSameGrid(folder, earlier, grid);
  const listings: Listing[] = [];
  const cells: StoredGrid['cells'] = [];
  const experiments: { readonly path: string; readonly experiment: ExperimentConfigInput }[] = [];
  /** Lists the trials of an experiment below the folder of a cell. */
  const list = ({ id }: GridCell, experiment: ExperimentConfigInput, part: readonly string[]) => {
    experiments.push({ path: join(gridFiles(folder).cells, id, ...part), experiment });
    const own = resolveExperiment(experiment, catalogue).trials.map((config): Listing => ({
      cell: id,
      folder: ['cells', id, ...part, 'trials', trialFolderName(config)].join('/'),
      config,
    }));
    listings.push(...own);
    return own;
  };
  let undecided = 0;
  for (const cell of grid.cells) {
    const chosen =
      cell.search &&
      (await chooseSettings(folder, cell.search.tries, list(cell, cell.search.experiment, ['search']), retry));
    const decided = !cell.search || chosen;
    if (!decided) undecided += 1;
    const { id, task, model, shots, arms } = cell;
    const trials = decided ? list(cell, chosen ? withChosen(cell, chosen) : cell.experiment, []) : null;
    cells.push({
      ...{ id, task, model, shots, arms: [...arms] },
      trials:
        trials?.map(({ config: { method, seed }, folder: path }) => ({
          folder: path.split('/').at(-1)!,
          method: method.name,
          kind: method.kind,
          dataSeed: seed.data,
          trainSeed: seed.train,
        })) ?? null,
      ...(chosen && {
        chosen: Object.fromEntries([...chosen].map(([method, { values }]) => [method, values])) as never,
      }),
    });
  }
  const pluginsFrom = (path: string) => modules.map((module) => nameFromFolder(module, path));
  for (const { path, experiment } of experiments)
    await claimExperimentFolder(
      path,
      resolveExperiment({ ...experiment, plugins: pluginsFrom(path) }, catalogue).config,
    );
  const config = { ...grid.config, plugins: pluginsFrom(folder) };
  const stored: StoredGrid = { config, command: command ?? earlier?.command ?? '', cells };
  await writeGrid(folder, stored);
  const trials = await writeTrialList(folder, listings);
  return { stored, trials, undecided };
}

/** Of each method the try with the best mean development result over the search seeds; undefined as long as a try is open. */
async function chooseSettings(
  folder: string,
  tries: readonly Try[],
  listings: readonly Listing[],
  retry: (folder: string) => boolean,
): Promise<Map<string, Try> | undefined> {
  const found: TrialSummary[] = [];
  for (const listing of listings) {
    const summary = await readSummary(join(folder, listing.folder));
    if (!summary || (summary.status === 'failed' && retry(listing.folder))) return undefined;
    found.push({ ...summary, method: listing.config.method.name });
  }
  const chosen = new Map<string, Try>();
  // Tries with a failed run do not count.
  const dev = (name: string) => {
    const own = found.filter(({ method }) => method === name);
    const values = own.flatMap(({ status, dev: best }) => (status === 'done' && best ? [best.headline] : []));
    return values.length === own.length && values.length > 0
      ? values.reduce((sum, value) => sum + value, 0) / values.length
      : undefined;
  };
  for (const method of new Set(tries.map((one) => one.method))) {
    const own = tries.filter((one) => one.method === method);
    const best = chooseTry(own, dev);
    if (best) chosen.set(method, best);
  }
  return chosen;
}

/** Methods, seeds, tasks and K may be added to a grid; what all its results share must be the same. */
function requireSameGrid(folder: string, earlier: StoredGrid, { config }: ExpandedGrid): void {
  const shared = ({ data: { directory: _, ...data }, metrics, test, search }: ExpandedGrid['config']) => ({
    data,
    metrics,
    test,
    search: search ?? null,
  });
  const differences = compareConfigurations(shared(earlier.config), shared(config));
  if (differences.length > 0)
    throw new PeftError('RUN_FOLDER_OF_ANOTHER_CONFIGURATION', {
      found: `"${folder}" holds another grid: ${describeDifferences(differences)}`,
      expected: 'a new folder, or the same grid',
      fix: 'choose another --output, or repeat the grid that the folder was made with',
    });
}
