import { basename, dirname, isAbsolute, resolve } from 'node:path';
import {
  designPower,
  estimateSeconds,
  type ExpandedGrid,
  type GridCalibration,
  type GridConfigInput,
  openGrid,
} from '@tfjs-peft/eval/grid';
import type { Catalogue } from '@tfjs-peft/eval/methods';
import { formatBytes, formatSeconds } from '@tfjs-peft/eval/report';
import { PeftError } from '@tfjs-peft/peft-core';
import { isJsonObject, type JsonObject } from '@tfjs-peft/peft-core/files';
import { readConfigFile } from '../options/read-config-file.js';

/** Options of every command that takes the file of a grid. */
export interface GridFileOptions {
  readonly output?: string;
  readonly data?: string;
  readonly plugin?: readonly string[];
  readonly maxTrials: number;
  readonly yes?: boolean;
}

/** A grid, where its results go, and where its plugins are looked for. */
interface GridFile extends PlannedGrid {
  readonly input: GridConfigInput;
  readonly folder: string;
  readonly shared: { readonly plugins: readonly string[]; readonly directory: string };
}

/** A grid, and the catalogue of its plugins. */
interface PlannedGrid {
  readonly grid: ExpandedGrid;
  readonly catalogue: Catalogue;
}

/** Reads the file of a grid. Errors: those of the file and of `openGrid`. */
export async function readGridFile(file: string, { output, data, plugin = [] }: GridFileOptions): Promise<GridFile> {
  const input = withData(await readConfigFile(file), data);
  const folder = output ?? `runs/${basename(file).replace(/\.[^.]*$/, '')}`;
  const shared = { plugins: plugin, directory: dirname(file) };
  const { grid, catalogue } = await openGrid(input, shared);
  return { input, folder, shared, grid, catalogue };
}

/** Errors: `GRID_TOO_LARGE` where more is to run than was asked for. */
export function askForLarge({ trials }: ExpandedGrid, { maxTrials, yes = false }: GridFileOptions): void {
  if (trials <= maxTrials || yes) return;
  throw new PeftError('GRID_TOO_LARGE', {
    found: `${trials} runs`,
    expected: `at most ${maxTrials} without being asked for`,
    fix: 'pass --yes if that is meant, or fewer tasks, methods or seeds',
  });
}

/** Folders of data in the file are below `--data`, or seen from the working directory. */
function withData(input: JsonObject, directory: string | undefined): GridConfigInput {
  const given = isJsonObject(input.data) ? input.data : {};
  const base = directory ?? (typeof given.directory === 'string' ? given.directory : undefined);
  if (base === undefined) return input as unknown as GridConfigInput;
  const path = isAbsolute(base) ? base : resolve(base);
  return { ...input, data: { ...given, directory: path } } as unknown as GridConfigInput;
}

/** The plan of a grid in lines. */
export function describePlan(
  { grid, catalogue }: PlannedGrid,
  calibrations: readonly GridCalibration[],
  jobs: number,
): string[] {
  const { cells, trials, tries, shared, config } = grid;
  const power = designPower(grid);
  const seconds = estimateSeconds(grid, calibrations, catalogue);
  const memory = Math.max(0, ...calibrations.map(({ peakMemoryBytes }) => peakMemoryBytes));
  const points = (effect: number | null) =>
    effect === null ? 'nothing (one split)' : `${effect.toFixed(2)} standard deviations`;
  return [
    `${cells.length} cells (task x host x K): ${cells.map(({ id }) => id).join(', ')}`,
    `${cells[0]!.arms.length} arms: ${cells[0]!.arms.map(({ name, trial, rule }) => (rule === '' && name === trial ? name : `${name} (from the runs of ${trial})`)).join(', ')}`,
    `${trials} runs${tries > 0 ? `, ${tries} of them to choose settings` : ''}${shared > 0 ? `; ${shared} more results share a run` : ''}`,
    ...(calibrations.length > 0
      ? [
          `about ${formatSeconds(seconds / Math.max(1, jobs))} with ${jobs} process${jobs === 1 ? '' : 'es'} if nothing stops early, and ${formatBytes(memory * jobs)} of memory (from ${calibrations.map(({ model, secondsPerStep }) => `${(1000 * secondsPerStep).toFixed(0)} ms a step on ${model}`).join(', ')})`,
        ]
      : ['time and memory: not calibrated']),
    `smallest difference that is found with a power of 80 %, corrected for ${power.comparisons} comparisons: in one cell (${power.splits} splits) ${points(power.inCell)} of the paired differences, over all cells (${power.pairs} pairs) ${points(power.overall)}`,
    `at a standard deviation of 2 points that is ${[power.inCell, power.overall].map((effect) => (effect === null ? '-' : (2 * effect).toFixed(1))).join(' and ')} points; the margin of the grid is ${config.margin}`,
  ];
}

/** The same as plain data. */
export const planAsJson = (
  { grid, catalogue }: PlannedGrid,
  calibrations: readonly GridCalibration[],
  jobs: number,
) => ({
  cells: grid.cells.map(({ id, task, model, shots, arms }) => ({ id, task, model, shots, arms })),
  trials: grid.trials,
  tries: grid.tries,
  shared: grid.shared,
  power: designPower(grid),
  calibrations,
  seconds: calibrations.length > 0 ? estimateSeconds(grid, calibrations, catalogue) / jobs : null,
});
