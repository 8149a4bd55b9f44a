import { isPeftError } from '@tfjs-peft/peft-core';
import type { FindingKind } from './protocol.js';
import { WrongValue } from './reader.js';

export interface Verdict {
  readonly kind: FindingKind;
  readonly message: string;
}

/** What is wrong with an error that a reader threw; null for a typed one in plain text. */
export function judgeError(error: unknown, messageLength: number): Verdict | null {
  if (error instanceof WrongValue) return { kind: 'wrong value', message: error.message };
  if (!isPeftError(error))
    return {
      kind: 'escape',
      message: error instanceof Error ? (error.stack ?? error.message) : `thrown: ${String(error)}`,
    };
  const { message, code } = error;
  return message.length > messageLength
    ? { kind: 'message', message: `${code}: a message of more than ${messageLength} characters` }
    : null;
}

/** One line by which findings are grouped: where it happened, without what differs from input to input. */
export function signatureOf({ kind, message }: Verdict): string {
  const lines = message.split('\n');
  const frames = lines.filter((line) => /^\s+at /.test(line)).map((line) => line.trim().replace(/:\d+(:\d+)?\)?$/, ''));
  const ours = frames.find((frame) => frame.includes('/packages/'))?.replace(/^.*\/packages\//, '');
  const text = (lines[0] ?? '')
    .replace(/"[^"]*"|'[^']*'|`[^`]*`/g, '…')
    .replace(/-?\d[\d.e+]*/g, 'N')
    .slice(0, 100);
  return kind === 'escape' ? `${kind} ${text.split(':')[0]} ${ours ?? frames[0] ?? text}` : `${kind} ${text}`;
}
