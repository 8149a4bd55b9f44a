import { basename, dirname } from 'node:path';
import type { Catalogue } from '../methods/plugins.js';
import type { OnExperimentEvent } from '../records/experiment-event.js';
import { requireSameData } from '../records/same-data.js';
import { inspectTrialFolder, refuseUnfinished } from '../records/trial-folder.js';
import type { TrialSummary } from '../records/trial-summary.js';
import { writeFailure } from '../trial/run-trial.js';
import { toPlainError } from '../processes/plain-error.js';
import { requirePresentData } from './require-present-data.js';
import { type PlannedTrial, runTrials, type TrialRunner } from './run-trials.js';

/** What trials are run with. */
export interface ExecuteOptions {
  /** At most so many runners, which are closed at the end. */
  readonly openRunners: (most: number) => Promise<readonly TrialRunner[]>;
  /** Continues trials that were begun; without it they are an error before any work. */
  readonly resume: boolean;
  /** With whose tasks the data of finished trials are read again. */
  readonly catalogue: Catalogue;
  readonly onEvent: OnExperimentEvent;
}

/**
 * Runs the trials that are not finished and gives all summaries, by folder. One that fails is recorded as failed and stops no other. Finished ones are used where
 * their data are still the same, or gone. Errors: those of tasks that cannot be read, `RUN_UNFINISHED`, `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`, `RUN_FOLDER_DAMAGED`, and those that would hit all trials.
 */
export async function executeTrials(
  planned: readonly PlannedTrial[],
  { openRunners, resume, catalogue, onEvent }: ExecuteOptions,
): Promise<Map<string, TrialSummary>> {
  const finished = await findFinished(planned, resume);
  const compare = comparison();
  for (const [folder, summary] of finished) compare(folder, summary);
  await requirePresentData(
    planned.flatMap(({ folder, trial }) => {
      const summary = finished.get(folder);
      return summary ? [{ folder, trial, summary }] : [];
    }),
    { catalogue, onEvent },
  );
  onEvent({
    type: 'plan',
    trials: planned.map(({ reference }) => reference),
    finished: planned.flatMap(({ folder, reference }) => (finished.has(folder) ? [reference.id] : [])),
  });
  for (const { folder, reference } of planned) {
    const summary = finished.get(folder);
    if (summary) onEvent({ type: 'trial-end', trial: reference, summary, reused: true });
  }
  const open = planned.filter(({ folder }) => !finished.has(folder));
  if (open.length === 0) return finished;
  const runners = await openRunners(open.length);
  try {
    const done = await runTrials(
      open,
      runners,
      (one, error) => recordFailure(one, error, onEvent),
      ({ reference, folder }, summary) => {
        compare(folder, summary);
        onEvent({ type: 'trial-end', trial: reference, summary, reused: false });
      },
    );
    return new Map([...finished, ...done]);
  } finally {
    await Promise.all(runners.map((runner) => runner.close()));
  }
}

/** Says that a trial failed, and keeps why in its folder. */
export function recordFailure(
  { trial, reference, folder }: PlannedTrial,
  error: unknown,
  onEvent: OnExperimentEvent,
): Promise<TrialSummary> {
  const plain = toPlainError(error);
  onEvent({ type: 'warning', trial: reference, text: `failed: ${plain.message}` });
  return writeFailure(trial, folder, plain);
}

/** The trials whose results are there. Errors: `RUN_UNFINISHED` before any work, unless resuming; damaged and foreign folders. */
async function findFinished(planned: readonly PlannedTrial[], resume: boolean): Promise<Map<string, TrialSummary>> {
  const finished = new Map<string, TrialSummary>();
  let unfinished: string | undefined;
  for (const { trial, folder } of planned) {
    const state = await inspectTrialFolder(folder, trial);
    // Where it lies is known here; what the file says of it is not asked.
    if (state.kind === 'finished') finished.set(folder, { ...state.summary, folder: `trials/${basename(folder)}` });
    if (state.kind === 'unfinished') unfinished ??= folder;
  }
  if (unfinished !== undefined && !resume) refuseUnfinished(unfinished);
  return finished;
}

/** Compares a trial with those of the same experiment before it. Errors: `RUN_FOLDER_OF_ANOTHER_CONFIGURATION` where it saw other rows or another host. */
function comparison(): (folder: string, summary: TrialSummary) => void {
  // By experiment: a grid has thousands of trials, an experiment some dozens.
  const done = new Map<string, TrialSummary[]>();
  return (folder, summary) => {
    if (summary.status !== 'done') return;
    const others = done.get(dirname(folder)) ?? [];
    for (const other of others) requireSameData(folder, other, summary);
    done.set(dirname(folder), [...others, summary]);
  };
}
