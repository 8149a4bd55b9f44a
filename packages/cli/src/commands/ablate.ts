import { freemem } from 'node:os';
import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import { calibrateGrid, type GridCalibration, runGrid } from '@tfjs-peft/eval/grid';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';
import { defaultJobs, type ExecutionOptions, limitsOf, shellCommand } from './execute-experiment.js';
import { askForLarge, describePlan, type GridFileOptions, planAsJson, readGridFile } from './read-grid.js';
import { showReport } from './report.js';
import { withProgress } from './with-progress.js';

export interface AblateOptions extends ExecutionOptions, GridFileOptions {
  readonly plugin?: readonly string[];
  readonly dryRun?: boolean;
  readonly calibrate?: boolean;
}

/** `tfjs-peft ablate`: plan, run and report of a grid; `again` are the arguments that repeat it. */
export async function ablate(
  file: string,
  options: AblateOptions,
  again: readonly string[],
  io: CliIo,
): Promise<number> {
  const opened = await readGridFile(file, options);
  const { input, folder, shared, grid } = opened;
  if (!options.dryRun) askForLarge(grid, options);
  const backend =
    options.dryRun && options.calibrate === false ? null : await selectBackend({ backend: options.backend });
  const calibrations =
    options.calibrate === false || options.resume || !backend
      ? []
      : await calibrateGrid(grid, { ...shared, backend: backend.backend as BackendChoice });
  const jobs = options.jobs ?? (backend ? jobsThatFit(defaultJobs(backend), calibrations) : 1);
  const plan = describePlan(opened, calibrations, jobs);
  if (options.dryRun) {
    io.out(options.json ? jsonLine(planAsJson(opened, calibrations, jobs)) : `${plan.join('\n')}\n`);
    return 0;
  }
  if (!options.quiet) io.err(`${plan.join('\n')}\n`);
  const interrupted = await withProgress(
    ({ progress, signal }) =>
      runGrid(input, {
        ...shared,
        folder,
        jobs,
        backend: backend!.backend,
        resume: options.resume ?? false,
        ...limitsOf(options),
        command: shellCommand(again),
        onEvent: progress.onEvent,
        signal,
      }),
    { ...options, again: shellCommand([...again, '--resume']) },
    io,
  );
  return interrupted ?? showReport(folder, options, io);
}

/** As many processes as have room in the memory that is free now, where it is known what one takes. */
function jobsThatFit(jobs: number, calibrations: readonly GridCalibration[]): number {
  const most = Math.max(0, ...calibrations.map(({ peakMemoryBytes }) => peakMemoryBytes));
  return most === 0 ? jobs : Math.max(1, Math.min(jobs, Math.floor((0.8 * freemem()) / most)));
}
