import { isPeftError } from '@tfjs-peft/peft-core';
import type { TrialConfig } from '../config/trial-config.js';
import type { TrialSummary } from '../records/trial-summary.js';
import type { TrialReference } from '../records/experiment-event.js';

/** Something that runs one trial after the other: this process, or a child process. */
export interface TrialRunner {
  /** Makes ready for a trial, where that can fail for all that are like it. */
  open?(planned: PlannedTrial): Promise<void>;
  run(planned: PlannedTrial): Promise<TrialSummary>;
  close(): Promise<void>;
}

/** A trial that is to be run; plain JSON. */
export interface PlannedTrial {
  readonly trial: TrialConfig;
  readonly reference: TrialReference;
  /** Absolute path of its folder. */
  readonly folder: string;
}

/** Errors after which going on with other trials makes no sense. */
const fatal = new Set([
  'INTERRUPTED',
  'FOLDER_IN_USE',
  'DISK_FULL',
  'OUTPUT_UNWRITABLE',
  'CHECKPOINT_NOT_WRITTEN',
  'RUN_UNFINISHED',
  'RUN_FOLDER_OF_ANOTHER_CONFIGURATION',
]);

export const isFatal = (error: unknown): boolean => isPeftError(error) && fatal.has(error.code);

/** What one task lacks for one K or split: other cells of a grid may have it. */
const isOfItsCell = (error: unknown): boolean =>
  isPeftError(error) && (error.code.startsWith('SPLIT_') || ['TASK_TOO_SMALL', 'TASK_UNFIT'].includes(error.code));

async function runOne(
  runner: TrialRunner,
  planned: PlannedTrial,
  onFailed: (planned: PlannedTrial, error: unknown) => Promise<TrialSummary>,
): Promise<TrialSummary> {
  try {
    await runner.open?.(planned);
  } catch (error) {
    if (isOfItsCell(error)) return onFailed(planned, error);
    throw error;
  }
  return runner.run(planned).catch((error: unknown) => {
    if (isFatal(error)) throw error;
    return onFailed(planned, error);
  });
}

/**
 * Runs trials on several runners, each taking the next one when it is free. A trial that fails is passed to `onFailed` and the others go
 * on; an error that would hit all of them, and whatever else `open`, `onFailed` and `onEnd` throw, stops everything. Summaries by folder.
 */
export async function runTrials(
  trials: readonly PlannedTrial[],
  runners: readonly TrialRunner[],
  onFailed: (planned: PlannedTrial, error: unknown) => Promise<TrialSummary>,
  onEnd: (planned: PlannedTrial, summary: TrialSummary) => void,
): Promise<Map<string, TrialSummary>> {
  const queue = [...trials];
  const summaries = new Map<string, TrialSummary>();
  let stopped: unknown;
  const work = async (runner: TrialRunner) => {
    for (let next = queue.shift(); next !== undefined && stopped === undefined; next = queue.shift()) {
      const planned = next;
      try {
        const summary = await runOne(runner, planned, onFailed);
        summaries.set(planned.folder, summary);
        onEnd(planned, summary);
      } catch (error) {
        stopped ??= error;
      }
    }
  };
  await Promise.all(runners.map(work));
  if (stopped !== undefined) throw stopped;
  return summaries;
}
