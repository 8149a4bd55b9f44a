import { join, resolve } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { resolveExperiment } from '../config/resolve-experiment.js';
import { trialFolderName } from '../config/trial-config.js';
import { runExperiment, type RunExperimentOptions } from '../experiment/run-experiment.js';
import { loadGivenPlugins, nameFromFolder } from '../methods/load-plugins.js';
import { createCatalogue } from '../methods/plugins.js';
import type { ExperimentResult } from '../records/experiment-folder.js';
import { compareConfigurations, describeDifferences } from '../run-folder/compare-configurations.js';
import { lockFolder } from '../run-folder/folder-lock.js';
import { ensureWritableFolder } from '../run-folder/write-file-atomically.js';
import { expandGrid, type ExpandedGrid, type GridCell, withChosen } from './expand-grid.js';
import { type GridConfigInput, parseGrid } from './grid-config.js';
import { gridFiles, readGrid, type StoredGrid, writeGrid } from './grid-folder.js';
import { chooseTry, type Try } from './search-space.js';

/** Where a grid runs and how. */
export interface RunGridOptions extends RunExperimentOptions {
  /** The command to run it again, for the report. */
  readonly command?: string;
  /** Is told before the trials of a cell. */
  readonly onCell?: (cell: {
    readonly id: string;
    readonly part: 'search' | 'report';
    readonly index: number;
    readonly total: number;
  }) => void;
}

/** A grid with its plugins found. */
export interface OpenedGrid {
  readonly grid: ExpandedGrid;
  /** Modules that were loaded, as the folder of the run sees them. */
  readonly plugins: readonly string[];
}

/** Expands a grid with its plugins. Errors: those of {@link expandGrid}, `PLUGIN_UNUSABLE`. */
export async function openGrid(
  input: GridConfigInput,
  options: Pick<RunGridOptions, 'plugins' | 'directory' | 'folder'>,
): Promise<OpenedGrid> {
  const parsed = parseGrid(input);
  const directory = resolve(options.directory ?? '.');
  const { modules, plugins } = await loadGivenPlugins(options.plugins ?? [], { names: parsed.plugins, directory });
  return {
    grid: expandGrid(input, createCatalogue(plugins)),
    plugins: modules.map((module) => nameFromFolder(module, resolve(options.folder))),
  };
}

/**
 * Runs all cells of a grid, one after the other, each as an experiment in its own folder: finished trials are used as they are, a trial that fails
 * does not stop the others, and a run that ended goes on with `resume`. One writer at a time. Where settings are searched, the tries of a cell
 * run first and the development sets choose.
 *
 * Errors: those of {@link openGrid} and `runExperiment`, `FOLDER_IN_USE`, `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`, `SEARCH_FAILED`.
 */
export async function runGrid(input: GridConfigInput, options: RunGridOptions): Promise<StoredGrid> {
  const folder = resolve(options.folder);
  const { grid, plugins } = await openGrid(input, options);
  const catalogue = createCatalogue(
    (
      await loadGivenPlugins(options.plugins ?? [], {
        names: grid.config.plugins,
        directory: resolve(options.directory ?? '.'),
      })
    ).plugins,
  );
  await ensureWritableFolder(folder);
  const release = await lockFolder(folder);
  try {
    await requireSameGrid(folder, grid);
    const trialsOf = (experiment: GridCell['experiment']) =>
      resolveExperiment(experiment, catalogue).trials.map((trial) => ({
        folder: trialFolderName(trial),
        method: trial.method.name,
        kind: trial.method.kind,
        dataSeed: trial.seed.data,
        trainSeed: trial.seed.train,
      }));
    let stored: StoredGrid = {
      config: { ...grid.config, plugins: [...plugins] },
      command: options.command ?? '',
      cells: grid.cells.map(({ id, task, model, shots, arms, experiment, search }) => ({
        id,
        task,
        model,
        shots,
        arms: [...arms],
        trials: search ? null : trialsOf(experiment),
      })),
    };
    const update = async (index: number, change: Partial<StoredGrid['cells'][number]>) => {
      stored = { ...stored, cells: stored.cells.map((cell, at) => (at === index ? { ...cell, ...change } : cell)) };
      await writeGrid(folder, stored);
    };
    await writeGrid(folder, stored);
    const { onCell = () => {}, command: _command, ...rest } = options;
    const run = (experiment: GridCell['experiment'], path: string): Promise<ExperimentResult> =>
      runExperiment({ ...experiment, plugins: grid.config.plugins }, { ...rest, folder: path });
    for (const [index, cell] of grid.cells.entries()) {
      const path = join(gridFiles(folder).cells, cell.id);
      const tell = (part: 'search' | 'report') => onCell({ id: cell.id, part, index, total: grid.cells.length });
      let { experiment } = cell;
      if (cell.search) {
        tell('search');
        const tried = await run(cell.search.experiment, join(path, 'search'));
        const chosen = chooseAll(cell.search.tries, tried);
        experiment = withChosen(cell, chosen);
        const values = Object.fromEntries([...chosen].map(([method, one]) => [method, one.values]));
        await update(index, { trials: trialsOf(experiment), chosen: values as never });
      }
      tell('report');
      await run(experiment, path);
    }
    return stored;
  } finally {
    release();
  }
}

/** Of each method the try with the best mean development result over the search seeds; tries with a failed run do not count. */
function chooseAll(tries: readonly Try[], { trials }: ExperimentResult): Map<string, Try> {
  const chosen = new Map<string, Try>();
  const dev = (name: string) => {
    const own = trials.filter(({ method }) => method === name);
    const values = own.flatMap(({ status, dev: found }) => (status === 'done' && found ? [found.headline] : []));
    return values.length === own.length && values.length > 0
      ? values.reduce((sum, value) => sum + value, 0) / values.length
      : undefined;
  };
  for (const method of new Set(tries.map((one) => one.method))) {
    const best = chooseTry(
      tries.filter((one) => one.method === method),
      dev,
    );
    if (best) chosen.set(method, best);
  }
  return chosen;
}

/** Methods, seeds, tasks and K may be added to a grid; what all its results share must be the same. */
async function requireSameGrid(folder: string, { config }: ExpandedGrid): Promise<void> {
  const earlier = await readGrid(folder);
  if (!earlier) return;
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
