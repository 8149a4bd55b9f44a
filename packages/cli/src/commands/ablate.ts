import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import { endWithParent } from '@tfjs-peft/eval';
import {
  calibrateGrid,
  designPower,
  estimateSeconds,
  type ExpandedGrid,
  type GridCalibration,
  type GridConfigInput,
  openGrid,
  runGrid,
} from '@tfjs-peft/eval/grid';
import { formatBytes, formatSeconds } from '@tfjs-peft/eval/report';
import { PeftError } from '@tfjs-peft/peft-core';
import { isJsonObject, type JsonObject } from '@tfjs-peft/peft-core/files';
import type { CliIo } from '../cli-io.js';
import { stopOnRequest } from '../progress/stop-on-request.js';
import { readConfigFile } from '../options/read-config-file.js';
import { reportProgress } from '../progress/report-progress.js';
import { exitCodeOf, reportError } from '../report-error.js';
import { jsonLine } from '../safe-output.js';
import { defaultJobs, type ExecutionOptions, shellCommand } from './execute-experiment.js';
import { showReport } from './report.js';

export interface AblateOptions extends ExecutionOptions {
  readonly output?: string;
  readonly data?: string;
  readonly dryRun?: boolean;
  readonly calibrate?: boolean;
  readonly maxTrials: number;
  readonly yes?: boolean;
}

/** `tfjs-peft ablate`: plan, run and report of a grid. */
export async function ablate(file: string, options: AblateOptions, io: CliIo): Promise<number> {
  const parent = io.environment.TFJS_PEFT_PARENT;
  if (parent !== undefined) endWithParent(Number(parent));
  const input = withData(await readConfigFile(file), options.data);
  const folder = options.output ?? `runs/${basename(file).replace(/\.[^.]*$/, '')}`;
  const shared = { plugins: options.plugin ?? [], directory: dirname(file) };
  const { grid } = await openGrid(input, { ...shared, folder });
  const quiet = options.quiet ?? false;
  const backend =
    options.dryRun && options.calibrate === false ? null : await selectBackend({ backend: options.backend });
  const calibrations =
    options.calibrate === false || options.resume || !backend
      ? []
      : await calibrateGrid(grid, { ...shared, backend: backend.backend as BackendChoice });
  const jobs = options.jobs ?? (backend ? defaultJobs(backend) : 1);
  const plan = describePlan(grid, calibrations, jobs);
  if (options.dryRun) {
    io.out(options.json ? jsonLine(planAsJson(grid, calibrations, jobs)) : `${plan.join('\n')}\n`);
    return 0;
  }
  if (!quiet) io.err(`${plan.join('\n')}\n`);
  if (grid.trials > options.maxTrials && !options.yes)
    throw new PeftError('GRID_TOO_LARGE', {
      found: `${grid.trials} runs`,
      expected: `at most ${options.maxTrials} without being asked for`,
      fix: 'pass --yes if that is meant, or fewer tasks, methods or seeds',
    });
  const again = ['ablate', file, ...(options.data === undefined ? [] : ['--data', options.data]), '--output', folder];
  return runWithProgress({ input, folder, grid, jobs, backend: backend!.backend, again, shared, options }, io);
}

interface Run {
  readonly input: GridConfigInput;
  readonly folder: string;
  readonly grid: ExpandedGrid;
  readonly jobs: number;
  readonly backend: BackendChoice;
  readonly again: readonly string[];
  readonly shared: { readonly plugins: readonly string[]; readonly directory: string };
  readonly options: AblateOptions;
}

async function runWithProgress(
  { input, folder, jobs, backend, again, shared, options }: Run,
  io: CliIo,
): Promise<number> {
  const progress = await reportProgress(io, { quiet: options.quiet ?? false });
  const stop = stopOnRequest(io, 'step', progress.line);
  try {
    await runGrid(input, {
      ...shared,
      folder,
      jobs,
      backend,
      resume: options.resume ?? false,
      ...(options.hangLimit !== undefined && { hangLimit: options.hangLimit }),
      command: shellCommand(again),
      onEvent: progress.onEvent,
      onCell: ({ id, part, index, total }) => {
        if (!options.quiet)
          progress.line(`cell ${index + 1} of ${total}: ${id}${part === 'search' ? ', choosing settings' : ''}`);
      },
      signal: stop.signal,
    });
    progress.stop();
  } catch (error) {
    progress.stop();
    if (exitCodeOf(error) !== 130) throw error;
    reportError(error, io, { debug: false, json: options.json ?? false });
    io.err(`To go on: ${shellCommand([...again, '--resume'])}\n`);
    return stop.exitCode();
  } finally {
    stop.end();
  }
  return showReport(folder, options, io);
}

/** Folders of data in the file are below `--data`, or seen from the working directory. */
function withData(input: JsonObject, directory: string | undefined): GridConfigInput {
  const given = isJsonObject(input.data) ? input.data : {};
  const base = directory ?? (typeof given.directory === 'string' ? given.directory : undefined);
  if (base === undefined) return input as unknown as GridConfigInput;
  const path = isAbsolute(base) ? base : resolve(base);
  return { ...input, data: { ...given, directory: path } } as unknown as GridConfigInput;
}

function describePlan(grid: ExpandedGrid, calibrations: readonly GridCalibration[], jobs: number): string[] {
  const { cells, trials, tries, shared, config } = grid;
  const power = designPower(grid);
  const seconds = estimateSeconds(grid, calibrations);
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

const planAsJson = (grid: ExpandedGrid, calibrations: readonly GridCalibration[], jobs: number) => ({
  cells: grid.cells.map(({ id, task, model, shots, arms }) => ({ id, task, model, shots, arms })),
  trials: grid.trials,
  tries: grid.tries,
  shared: grid.shared,
  power: designPower(grid),
  calibrations,
  seconds: calibrations.length > 0 ? estimateSeconds(grid, calibrations) / jobs : null,
});
