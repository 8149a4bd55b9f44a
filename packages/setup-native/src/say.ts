/** A failure whose cause and cure are known: shown without a stack trace. */
export class SetupError extends Error {
  override readonly name = 'SetupError';

  /**
   * @param found what went wrong
   * @param fix what to do about it
   */
  constructor(
    readonly found: string,
    readonly fix: string,
  ) {
    super(`${found}\n  To fix: ${fix}`);
  }
}

/** Takes one line for the user. */
export type Say = (line: string) => void;

const startedAt = performance.now();

/** Seconds since the program started, such as `12.3 s`. */
export const elapsed = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;

/** Lines on standard error with the elapsed time in front: what a set-up says while it goes on. */
export const sayOnStandardError: Say = (line) => void process.stderr.write(`[${elapsed().padStart(7)}] ${line}\n`);

/**
 * Says every few seconds that a long step still runs, so that a slow download does not look like a hang.
 *
 * @returns stops it
 */
export function keepSaying(say: Say, describe: () => string, everyMs = 5000): () => void {
  const timer = setInterval(() => say(describe()), everyMs);
  return () => clearInterval(timer);
}

/** `code` of an error of the system, such as `ENOENT`. */
export const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';
