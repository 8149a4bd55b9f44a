/** A failure whose cause and cure are known: shown without a stack trace. */
export class SetupError extends Error {
  /**
   * @param {string} found what went wrong
   * @param {string} fix what to do about it
   * @param {1 | 2} exitCode 1: the machine lacks something; 2: the command line is wrong
   */
  constructor(found, fix, exitCode = 1) {
    super(`${found}\n  To fix: ${fix}`);
    this.name = 'SetupError';
    this.exitCode = exitCode;
  }
}

const startedAt = performance.now();

/** Seconds since the program started, such as `12.3 s`. */
export const elapsed = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;

/** @param {string} text one line for the user, with the elapsed time in front */
export const say = (text) => console.log(`[${elapsed().padStart(7)}] ${text}`);

/**
 * Says every few seconds that a long step still runs, so that a slow download does not look like a hang.
 *
 * @param {() => string} describe the line to print
 * @returns {() => void} stops it
 */
export function keepSaying(describe, everyMs = 5000) {
  const timer = setInterval(() => say(describe()), everyMs);
  return () => clearInterval(timer);
}
