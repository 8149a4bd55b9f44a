/** Ctrl-C, the request of `kill`, `timeout`, systemd or Slurm, and a terminal that is closed. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** What a command sees of the world; tests pass their own. Results go to `out`, everything else to `err`. */
export interface CliIo {
  /** Results: standard output. */
  out(text: string): void;
  /** Progress, warnings and errors: standard error. */
  err(text: string): void;
  /** The stream for a moving progress bar; null where lines are wanted: no terminal, `TERM=dumb`, `CI`. */
  readonly bar: NodeJS.WriteStream | null;
  /** Columns of the terminal that results go to; 100 where there is none. */
  readonly width: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Bytes of standard input as they arrive; null where that is a terminal. */
  input(): AsyncIterable<Uint8Array> | null;
  /** Calls back at every request to stop; returns what ends that. */
  onStop(stop: (signal: StopSignal) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** Milliseconds. One Ctrl-C can reach both the command and the process around it: a second signal within this time counts as the first. */
const echoMilliseconds = 700;

/** The exit code of a command that a signal ended, as shells have it. */
export const stopCodes: Readonly<Record<StopSignal, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** The streams and signals of this process. */
export function processIo(): CliIo {
  const { stdin, stdout, stderr, env } = process;
  const moving = stderr.isTTY && env.TERM !== 'dumb' && !env.CI;
  // A reader such as `head` that closes the pipe early ends the output, and is no error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    stderr.write(`error: cannot write to standard output (${error.code ?? error.message}).\n`);
    process.exit(1);
  });
  // Nobody reads the progress any more; the work goes on without it.
  stderr.on('error', () => undefined);
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    bar: moving ? stderr : null,
    width: stdout.isTTY ? stdout.columns : 100,
    environment: env,
    input: () => (stdin.isTTY ? null : (stdin as AsyncIterable<Uint8Array>)),
    onStop(stop) {
      let isEcho = false;
      const listeners = (Object.keys(stopCodes) as StopSignal[]).map((signal) => {
        const listener = () => {
          if (isEcho) return;
          isEcho = true;
          // Signals that come while a long step holds up the loop are read after its timers and before `setImmediate`.
          setTimeout(() => setImmediate(() => (isEcho = false)), echoMilliseconds).unref();
          stop(signal);
        };
        process.on(signal, listener);
        return () => process.off(signal, listener);
      });
      return () => listeners.forEach((remove) => remove());
    },
    exit: (code) => process.exit(code),
  };
}
