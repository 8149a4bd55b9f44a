import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { shorten } from '@tfjs-peft/peft-core/authoring';

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
