import { endWithParent } from '@tfjs-peft/eval';
import type { CliIo } from '../cli-io.js';
import { type ProgressReport, reportProgress } from '../progress/report-progress.js';
import { stopOnRequest } from '../progress/stop-on-request.js';
import { exitCodeOf, reportError } from '../report-error.js';

export interface ProgressOptions {
  readonly quiet?: boolean;
  readonly json?: boolean;
  /** The command that goes on after an interruption. */
  readonly again: string;
}

/**
 * Runs something long with progress on standard error; the first Ctrl-C lets steps finish and saves. Undefined where it ran to its end, else the
 * exit code of the interruption.
 */
export async function withProgress(
  run: (told: { readonly progress: ProgressReport; readonly signal: AbortSignal }) => Promise<unknown>,
  { quiet = false, json = false, again }: ProgressOptions,
  io: CliIo,
): Promise<number | undefined> {
  // In a checkout this runs in a child of the command that was typed.
  const parent = io.environment.TFJS_PEFT_PARENT;
  if (parent !== undefined) endWithParent(Number(parent));
  const progress = await reportProgress(io, { quiet });
  const stop = stopOnRequest(io, 'step', progress.line);
  try {
    await run({ progress, signal: stop.signal });
    progress.stop();
    return undefined;
  } catch (error) {
    progress.stop();
    if (exitCodeOf(error) !== 130) throw error;
    reportError(error, io, { debug: false, json });
    io.err(`To go on: ${again}\n`);
    return stop.exitCode();
  } finally {
    stop.end();
  }
}
