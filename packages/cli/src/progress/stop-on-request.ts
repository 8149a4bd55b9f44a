import { type CliIo, type StopSignal, stopCodes } from '../cli-io.js';

/** How a command that runs long is asked to stop. */
export interface StopRequest {
  /** Aborted at the first request. */
  readonly signal: AbortSignal;
  /** The exit code of whatever asked. */
  exitCode(): number;
  /** No longer listens. */
  end(): void;
}

/** The first Ctrl-C (or SIGTERM) aborts the signal and says in a line what is finished first; the second one ends the process at once. */
export function stopOnRequest(io: CliIo, unit: 'step' | 'update', say: (line: string) => void): StopRequest {
  const stopper = new AbortController();
  let asked: StopSignal = 'SIGINT';
  const end = io.onStop((signal) => {
    if (stopper.signal.aborted) return io.exit(stopCodes[asked]);
    asked = signal;
    stopper.abort();
    const what = signal === 'SIGINT' ? 'Interrupted' : 'Asked to end';
    say(`${what}: finishing the ${unit} and saving. Once more to stop at once.`);
  });
  return { signal: stopper.signal, exitCode: () => stopCodes[asked], end };
}
