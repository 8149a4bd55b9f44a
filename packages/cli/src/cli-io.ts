/** What a command sees of the world; tests pass their own. Results go to `out`, everything else to `err`. */
export interface CliIo {
  out(text: string): void;
  err(text: string): void;
  /** The stream for a moving progress bar; null where lines are wanted: no terminal, `TERM=dumb`, `CI`. */
  readonly bar: NodeJS.WriteStream | null;
  /** Columns of the terminal that results go to; 100 where there is none. */
  readonly width: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Bytes of standard input as they arrive; null where that is a terminal. */
  input(): AsyncIterable<Uint8Array> | null;
  /** Calls back at every request to stop (Ctrl-C, SIGTERM); returns what ends that. */
  onStop(stop: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** Within this time a second signal is the first one again, that reached both the command and the process it runs in. */
const echoMilliseconds = 300;

export function processIo(): CliIo {
  const { stdin, stdout, stderr, env } = process;
  const moving = stderr.isTTY && env.TERM !== 'dumb' && !env.CI;
  // A reader such as `head` that closes the pipe early ends the output, and is no error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    bar: moving ? stderr : null,
    width: stdout.isTTY ? stdout.columns : 100,
    environment: env,
    input: () => (stdin.isTTY ? null : (stdin as AsyncIterable<Uint8Array>)),
    onStop(stop) {
      let last = -Infinity;
      const listeners = (['SIGINT', 'SIGTERM'] as const).map((signal) => {
        const listener = () => {
          const now = performance.now();
          if (now - last < echoMilliseconds) return;
          last = now;
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
