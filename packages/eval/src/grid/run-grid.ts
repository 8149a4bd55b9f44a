import { resolve } from 'node:path';
import { executeTrials } from '../experiment/execute-trials.js';
import { checkJobs, type RunExperimentOptions } from '../experiment/run-experiment.js';
import { createSwitchingRunners } from '../experiment/switching-runners.js';
import { lockFolder } from '../run-folder/folder-lock.js';
import { ensureWritableFolder } from '../run-folder/write-file-atomically.js';
import { collectGrid } from './collect-grid.js';
import type { GridConfigInput } from './grid-config.js';
import type { StoredGrid } from './grid-folder.js';
import { openGrid, planTrials } from './plan-trials.js';
import { toPlanned } from './trial-list.js';

/** Where a grid runs and how. */
export interface RunGridOptions extends RunExperimentOptions {
  /** The command to run it again, for the report. */
  readonly command?: string;
}

/**
 * Runs the trials of a grid, all cells in one queue of `jobs` runners: finished trials are used as they are, a trial that fails does not
 * stop the others, and a run that ended goes on with `resume`. One writer at a time. Where settings are searched, the tries of all cells run first
 * and the development sets choose.
 *
 * Errors: those of {@link openGrid}, `planTrials` and `runExperiment`, `FOLDER_IN_USE`.
 */
export async function runGrid(input: GridConfigInput, options: RunGridOptions): Promise<StoredGrid> {
  const {
    jobs = 1,
    backend = 'auto',
    resume = false,
    hangLimit = 600,
    timeLimit,
    onEvent = () => {},
    signal,
  } = options;
  const folder = resolve(options.folder);
  checkJobs(options);
  const opened = await openGrid(input, options);
  await ensureWritableFolder(folder);
  const release = await lockFolder(folder);
  try {
    const { command } = options;
    const tried = new Set<number>();
    let plan = await planTrials(opened, { folder, command, retry: () => resume });
    for (;;) {
      const next = plan.trials.filter(({ index }) => !tried.has(index));
      if (next.length === 0) break;
      next.forEach(({ index }) => tried.add(index));
      const setup = { ...opened, folder, backend, resume, hangLimit, timeLimit, onEvent, signal };
      await executeTrials(
        next.map((trial) => toPlanned(folder, trial)),
        {
          openRunners: async (most) =>
            createSwitchingRunners({ ...setup, processes: jobs > 1 || timeLimit !== undefined }, Math.min(jobs, most)),
          resume,
          catalogue: opened.catalogue,
          onEvent,
        },
      );
      if (plan.undecided === 0) break;
      plan = await planTrials(opened, { folder, command });
    }
    await collectGrid(folder);
    return plan.stored;
  } finally {
    release();
  }
}
