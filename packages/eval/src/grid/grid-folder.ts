import { basename, dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { methodName } from '../config/experiment-config.js';
import { readSummary } from '../records/trial-folder.js';
import type { TrialSummary } from '../records/trial-summary.js';
import { readStoredJson, writeStoredJson } from '../run-folder/stored-json.js';
import { gridConfig } from './grid-config.js';

/** The files of a grid. */
export const gridFiles = (folder: string) => ({
  plan: join(folder, 'grid.json'),
  /** What is to be run, a trial a line. */
  trials: join(folder, 'trials.jsonl'),
  cells: join(folder, 'cells'),
  /** Figures, tables and their data. */
  report: join(folder, 'report'),
});

const text = z.string().max(300);
const segment = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,250}$/, 'a name');

const planned = z.object({
  /** Below the folder of its cell's trials. */
  folder: segment,
  method: methodName,
  kind: z.enum(['floor', 'trained']),
  dataSeed: z.int().min(0),
  trainSeed: z.int().min(0),
});

const storedPlan = z.object({
  config: gridConfig,
  /** With which it can be run again. */
  command: z.string().max(10_000),
  cells: z.array(
    z.object({
      id: segment,
      task: text,
      model: text,
      shots: z.int().min(1),
      arms: z.array(
        z.object({ name: methodName, kind: z.enum(['floor', 'trained']), trial: methodName, rule: z.string().max(64) }),
      ),
      /** Null as long as settings are not chosen: which trials there will be is not known. */
      trials: z.array(planned).nullable(),
      /** Settings that were chosen, by method. */
      chosen: z.record(z.string(), z.record(z.string(), z.json())).optional(),
    }),
  ),
});

/** What a grid runs, as its folder keeps it: enough to read its results without its plugins. */
export type StoredGrid = z.output<typeof storedPlan>;

export const writeGrid = (folder: string, grid: StoredGrid): Promise<void> =>
  writeStoredJson(gridFiles(folder).plan, storedPlan, grid);

/** Null where the folder is no grid's. Errors: `GRID_DAMAGED`. */
export const readGrid = (folder: string): Promise<StoredGrid | null> =>
  readStoredJson(gridFiles(resolve(folder)).plan, storedPlan, {
    code: 'GRID_DAMAGED',
    fix: 'run the grid again with --resume: finished trials are kept',
  });

/** What one arm gave in one run. A missing or failed one has no test. */
export interface ArmResult extends Omit<TrialSummary, 'kind'> {
  readonly kind: 'floor' | 'trained';
  /** Of the trial that holds it. */
  readonly path: string;
  readonly rule: string;
}

/** A cell of a grid with what is there of its results. */
export interface CellResults {
  readonly cell: StoredGrid['cells'][number];
  readonly results: readonly ArmResult[];
  /** Arms and seeds that were planned. */
  readonly planned: readonly {
    readonly method: string;
    readonly kind: 'floor' | 'trained';
    readonly dataSeed: number;
    readonly trainSeed: number;
  }[];
  /** Why summaries could not be read: their results are missing. */
  readonly damaged: readonly string[];
}

/** The results of every arm, whole or not: what is missing is in `planned` alone. Errors: `RESULTS_NOT_COMPARABLE`. */
export async function readCellResults(folder: string, grid: StoredGrid): Promise<CellResults[]> {
  const cells: CellResults[] = [];
  for (const cell of grid.cells) {
    const results: ArmResult[] = [];
    const damaged: string[] = [];
    const seeds = grid.config.seeds;
    for (const trial of cell.trials ?? []) {
      const path = join(gridFiles(folder).cells, cell.id, 'trials', trial.folder);
      const summary = await readSummary(path).catch((error: unknown) => {
        if (!isPeftError(error)) throw error;
        damaged.push(error.message);
        return null;
      });
      if (summary) results.push(...armsOf(cell, trial.method, summary, path));
    }
    const planned = cell.arms.flatMap(({ name, kind }) =>
      seeds.data.flatMap((dataSeed) =>
        (kind === 'floor' ? seeds.train.slice(0, 1) : seeds.train).map((trainSeed) => ({
          method: name,
          kind,
          dataSeed,
          trainSeed,
        })),
      ),
    );
    cells.push({ cell, results, planned, damaged });
  }
  requireOneHost(cells);
  return cells;
}

/** The results of a cell by its own folder; null where that is none of a grid. Errors: `GRID_DAMAGED`, `RESULTS_NOT_COMPARABLE`. */
export async function readCell(folder: string): Promise<CellResults | null> {
  const own = resolve(folder);
  const root = dirname(dirname(own));
  if (dirname(own) !== gridFiles(root).cells) return null;
  const grid = await readGrid(root);
  const cells = grid?.cells.filter(({ id }) => id === basename(own)) ?? [];
  return grid && cells.length > 0 ? (await readCellResults(root, { ...grid, cells }))[0]! : null;
}

function armsOf(cell: StoredGrid['cells'][number], method: string, summary: TrialSummary, path: string): ArmResult[] {
  // Arms that share a run deploy what their own rule chose; where that is the same state, one file serves both.
  return cell.arms
    .filter(({ trial }) => trial === method)
    .map(({ name, rule }): ArmResult => {
      const { selections, ...own } = summary;
      const chosen = rule === '' ? undefined : selections?.[rule];
      return {
        ...own,
        method: name,
        path,
        rule,
        ...(rule !== '' &&
          summary.status === 'done' && {
            test: chosen?.test ?? {},
            dev: chosen?.dev,
            fileBytes: chosen?.fileBytes || summary.fileBytes,
          }),
      };
    });
}

/**
 * Results of one cell belong together: one host, one content of the data, and for a data seed one split. Errors: `RESULTS_NOT_COMPARABLE`, which says which differ.
 */
function requireOneHost(cells: readonly CellResults[]): void {
  for (const { cell, results } of cells) {
    const done = results.filter(({ status }) => status === 'done');
    const hosts = new Set(done.map(({ hostFingerprint }) => hostFingerprint));
    if (hosts.size > 1) throw notComparable(cell.id, `results of ${hosts.size} different hosts`);
    const data = new Set(done.flatMap(({ dataHash }) => dataHash ?? []));
    if (data.size > 1) throw notComparable(cell.id, `results of ${data.size} different contents of the data`);
    const splits = new Map<number, string>();
    for (const { dataSeed, splitHash } of done) {
      const known = splits.get(dataSeed) ?? splitHash;
      if (known !== splitHash) throw notComparable(cell.id, `results of different rows under data seed ${dataSeed}`);
      splits.set(dataSeed, known);
    }
  }
}

const notComparable = (cell: string, what: string) =>
  new PeftError('RESULTS_NOT_COMPARABLE', {
    found: `${what} in cell "${cell}"`,
    expected: 'trials of one host on the same rows: only those are pairs',
    fix: 'move the trials that were made with other data or another host out of the folder, and run again with --resume',
  });
