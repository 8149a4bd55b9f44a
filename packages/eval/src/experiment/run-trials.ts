import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { shorten } from '@tfjs-peft/peft-core/authoring';
import type { TrialConfig } from '../config/trial-config.js';
import type { TrialSummary } from '../records/trial-summary.js';
import type { TrialReference } from '../records/experiment-event.js';

/** Something that runs one trial after the other: this process, or a child process. */
export interface TrialRunner {
  run(trial: TrialConfig, reference: TrialReference): Promise<TrialSummary>;
  close(): Promise<void>;
}

export interface PlannedTrial {
  readonly trial: TrialConfig;
  readonly reference: TrialReference;
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

const isFatal = (error: unknown): boolean => isPeftError(error) && fatal.has(error.code);

/**
 * Runs trials on several runners, each taking the next one when it is free. A trial that fails is passed to `onFailed` and the others go
 * on; an error that would hit all of them, and whatever `onFailed` and `onEnd` throw, stops everything.
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
        const summary = await runner.run(planned.trial, planned.reference).catch((error: unknown) => {
          if (isFatal(error)) throw error;
          return onFailed(planned, error);
        });
        summaries.set(planned.reference.folder, summary);
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

/** An error as plain JSON, to be kept in a summary or sent to another process. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly text?: { readonly found: string; readonly expected?: string; readonly fix?: string };
  readonly stack?: string;
}

export function toPlainError(error: unknown): PlainError {
  const stack = shorten(stackOf(error), 8000);
  if (isPeftError(error)) {
    const { found, expected, fix } = error.text;
    return { code: error.code, message: error.message, text: { found, expected, fix }, stack };
  }
  return { code: 'UNEXPECTED', message: shorten(error instanceof Error ? error.message : String(error)), stack };
}

export function fromPlainError({ code, message, text, stack }: PlainError): Error {
  const error = text ? new PeftError(code, text) : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** Where an error was thrown, and the errors that caused it. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by ${stackOf(error.cause)}`;
}
