import type { OnExperimentEvent } from '../records/experiment-event.js';

/**
 * How a trial that came from a queue ended: `ended` with a result or as failed; `crashed`, and may be tried again; `busy`: somebody else
 * has it, look again later.
 */
export type QueuedOutcome = 'ended' | 'crashed' | 'busy';

/** What a worker does with the trials of a queue. */
export interface QueueWork {
  /** Trials at a time. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onEvent: OnExperimentEvent;
  /** Runs the trial of a folder (below the folder of the sweep). An error stops this worker, and others get the trial. */
  run(folder: string, lastAttempt: boolean): Promise<QueuedOutcome>;
}

/** How many trials of a sweep a queue holds. */
export interface QueueCounts {
  readonly waiting: number;
  readonly active: number;
}

/** A queue that hands each trial to one of many workers. It holds names alone: what was run is in the folder of the sweep. */
export interface TrialQueue {
  /** Hands in trials by their folders; those that wait or run already stay as they are. How many are new. */
  submit(folders: readonly string[]): Promise<number>;
  /** What is left. */
  counts(): Promise<QueueCounts>;
  /** Takes back whatever waits. */
  cancel(): Promise<void>;
  /** Runs trials until none waits or runs anywhere, or the signal asks to stop. */
  work(work: QueueWork): Promise<void>;
  /** Ends the connections; trials stay in the queue. */
  close(): Promise<void>;
}
