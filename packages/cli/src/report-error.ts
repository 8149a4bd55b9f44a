import type { CliIo } from './cli-io.js';
import { jsonLine, oneSafeLine } from './safe-output.js';

/** Codes of errors in what was typed, as against what went wrong with it. */
const usageCodes = new Set([
  'BACKEND_UNKNOWN',
  'CONFIG_INVALID',
  'JOBS_INVALID',
  'METHOD_NAME_TAKEN',
  'SEED_REPEATED',
  'UNKNOWN_BACKEND',
  'UNKNOWN_METHOD',
  'UNKNOWN_PRESET',
  'UNKNOWN_TASK',
  'USAGE',
]);

/** A PeftError of any copy of peft-core; that package is not imported here, because it would slow `--help` down. */
const isKnownError = (error: unknown): error is Error & { readonly code: string } =>
  error instanceof Error && error.name === 'PeftError' && 'code' in error;

export const exitCodeOf = (error: unknown): number =>
  !isKnownError(error) ? 1 : error.code === 'INTERRUPTED' ? 130 : usageCodes.has(error.code) ? 2 : 1;

/** What `--json` prints of an error. */
export const errorDocument = (error: unknown) => ({
  error: {
    code: isKnownError(error) ? error.code : 'UNEXPECTED',
    message: error instanceof Error ? error.message : String(error),
  },
});

/** One line for what the user can mend; a bug says that it is one. The stack only on request. */
export function reportError(
  error: unknown,
  io: CliIo,
  { debug, json }: { readonly debug: boolean; readonly json: boolean },
): void {
  const document = errorDocument(error);
  const { message } = document.error;
  if (json) io.out(jsonLine(document));
  if (isKnownError(error)) io.err(`error: ${oneSafeLine(message)}\n`);
  else {
    io.err(`unexpected error: ${oneSafeLine(message)}\n`);
    if (!debug) io.err('Run it again with --debug for the details; if it looks like a bug, please report it.\n');
  }
  if (debug && error instanceof Error) io.err(`${error.stack ?? ''}\n${describeCause(error.cause)}`);
}

const describeCause = (cause: unknown): string =>
  cause instanceof Error ? `caused by ${cause.stack ?? cause.message}\n${describeCause(cause.cause)}` : '';

/** Whether stacks are asked for: by the option, or by `DEBUG=tfjs-peft`. */
export const isDebug = (option: boolean, { environment }: CliIo): boolean =>
  option || (environment.DEBUG ?? '').split(/[\s,]+/).includes('tfjs-peft');
