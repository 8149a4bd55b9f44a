import { resolve } from 'node:path';
import type { BackendChoice } from '@tfjs-peft/backend';
import { isPeftError } from '@tfjs-peft/peft-core';
import { executeTrials, recordFailure } from '../experiment/execute-trials.js';
import { checkJobs } from '../experiment/run-experiment.js';
import { isFatal, type PlannedTrial, type TrialRunner } from '../experiment/run-trials.js';
import { createSwitchingRunners } from '../experiment/switching-runners.js';
import { readTrialList, toPlanned } from '../grid/trial-list.js';
import type { OnExperimentEvent } from '../records/experiment-event.js';
import { inspectTrialFolder } from '../records/trial-folder.js';
import { openStoredGrid, refuseCancelled, watchForCancel } from './sweep-folder.js';
import type { TrialQueue } from './trial-queue.js';

/** One share of the trials of a sweep: those whose number, divided by `of`, leaves `index`. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** What a worker runs and how. */
export interface SweepWorkerOptions {
  readonly folder: string;
  /** Where its trials come from: a share that nobody else has, or a queue that many take from. */
  readonly source: { readonly shard: Shard } | { readonly queue: TrialQueue };
  /** Trials at a time, each in a process. Default 1. */
  readonly jobs?: number;
  readonly backend?: BackendChoice;
  /** Modules that the caller trusts, as in `runExperiment`; needed where the grid has some. */
  readonly plugins?: readonly string[];
  readonly hangLimit?: number;
  readonly timeLimit?: number;
  readonly onEvent?: OnExperimentEvent;
  readonly signal?: AbortSignal;
}

/**
 * Runs trials of a planned sweep until there are none left for this worker, each in a child process, going on from checkpoints where there are some. It
 * plans nothing and holds no lock of the whole: any number of workers may share a folder, on any machines. Errors: `SWEEP_CANCELLED`,
 * `INTERRUPTED`, those of opening task and host, and of the queue.
 */
export async function runSweepWorker(options: SweepWorkerOptions): Promise<void> {
  const { source, jobs = 1, backend = 'auto', hangLimit = 600, timeLimit, onEvent = () => {} } = options;
  const folder = resolve(options.folder);
  checkJobs(options);
  refuseCancelled(folder);
  const opened = await openStoredGrid(folder, options.plugins);
  const readPlanned = async () => (await readTrialList(folder)).filter(({ dropped }) => !dropped);
  const planned = await readPlanned();
  const { signal, end } = watchForCancel(folder, options.signal);
  const setup = { ...opened, folder, backend, hangLimit, timeLimit, onEvent, signal, resume: true, processes: true };
  try {
    if ('shard' in source) {
      const own = planned.filter(({ index }) => index % source.shard.of === source.shard.index);
      await executeTrials(
        own.map((trial) => toPlanned(folder, trial)),
        {
          openRunners: async (most) => createSwitchingRunners(setup, Math.min(jobs, most)),
          resume: true,
          catalogue: opened.catalogue,
          onEvent,
        },
      );
      return;
    }
    const runners = createSwitchingRunners(setup, jobs);
    const free = [...runners];
    const byFolder = new Map(planned.map((trial) => [trial.folder, toPlanned(folder, trial)]));
    /** Of a plan that is newer than this worker, perhaps. */
    const findAgain = async (path: string) => {
      const trial = (await readPlanned()).find((one) => one.folder === path);
      return trial && toPlanned(folder, trial);
    };
    onEvent({ type: 'plan', trials: [...byFolder.values()].map(({ reference }) => reference), finished: [] });
    try {
      await source.queue.work({
        concurrency: jobs,
        signal,
        onEvent,
        async run(path, lastAttempt) {
          const trial = byFolder.get(path) ?? (await findAgain(path));
          if (!trial) {
            onEvent({ type: 'warning', text: `${path} is no longer planned: it leaves the queue` });
            return 'ended';
          }
          const runner = free.pop()!;
          try {
            return await runQueued(trial, { runner, lastAttempt, onEvent });
          } finally {
            free.push(runner);
          }
        },
      });
    } finally {
      await Promise.all(runners.map((runner) => runner.close()));
    }
  } catch (error) {
    refuseCancelled(folder);
    throw error;
  } finally {
    end();
  }
}

interface QueuedRun {
  readonly runner: TrialRunner;
  readonly lastAttempt: boolean;
  readonly onEvent: OnExperimentEvent;
}

/** Errors of a process, not of the trial: another one may do better. */
const worthAnotherAttempt = new Set(['TRIAL_PROCESS_CRASHED', 'TRIAL_HUNG']);

async function runQueued(
  planned: PlannedTrial,
  { runner, lastAttempt, onEvent }: QueuedRun,
): Promise<'ended' | 'crashed' | 'busy'> {
  const { trial, reference, folder } = planned;
  const tell = (summary: Awaited<ReturnType<TrialRunner['run']>>, reused: boolean) => {
    onEvent({ type: 'trial-end', trial: reference, summary, reused });
    return 'ended' as const;
  };
  try {
    const state = await inspectTrialFolder(folder, trial);
    if (state.kind === 'finished') return tell(state.summary, true);
    await runner.open?.(planned);
    return tell(await runner.run(planned), false);
  } catch (error) {
    const code = isPeftError(error) ? error.code : '';
    if (code === 'FOLDER_IN_USE') return 'busy';
    if (isFatal(error)) throw error;
    if (worthAnotherAttempt.has(code) && !lastAttempt) {
      onEvent({ type: 'warning', trial: reference, text: `${(error as Error).message} It is tried again.` });
      return 'crashed';
    }
    return tell(await recordFailure(planned, error, onEvent), false);
  }
}
