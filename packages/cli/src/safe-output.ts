import type { CliIo } from './cli-io.js';

/**
 * All that a command prints, its own lines and texts from files alike: whatever could steer a terminal becomes a space, line ends and tabs
 * stay. The moving bar has escapes of its own and is not text of a command.
 */
export const withSafeOutput = (io: CliIo): CliIo => ({
  ...io,
  out: (text) => io.out(safeLines(text)),
  err: (text) => io.err(safeLines(text)),
});

export const safeLines = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- control characters are the subject
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, ' ');

/** The same, on one line of at most some thousand characters; the middle of a longer one is left out. */
export function oneSafeLine(text: string, most = 7000): string {
  const shown = text.length <= most ? text : `${text.slice(0, most - 1000)} [...] ${text.slice(-1000)}`;
  return safeLines(shown).replace(/[\n\t]+/g, ' ');
}

/** A document with `--json`: the same value, with everything a terminal could act on written as an escape of JSON. */
export const jsonLine = (value: unknown): string =>
  `${JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )}\n`;
