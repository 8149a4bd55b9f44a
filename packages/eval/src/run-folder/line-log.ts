import { appendFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { toFolderError } from './folder-errors.js';
import { writeFileAtomicallySync } from './write-file-atomically.js';

/** One JSON object a line, appended as it happens. */
export interface LineLog {
  /** Synchronous, so that lines keep the order of the events they come from. Errors: `DISK_FULL`, `OUTPUT_UNWRITABLE`. */
  append(entry: object): void;
}

/** Starts a log with these entries, in place of whatever the file held: a run resumed from its checkpoint passes what it had by then. */
export function startLineLog(path: string, entries: readonly object[] = []): LineLog {
  writeFileAtomicallySync(path, entries.map(toLine).join(''));
  return {
    append(entry) {
      try {
        appendFileSync(path, toLine(entry));
      } catch (error) {
        throw toFolderError(error, dirname(path));
      }
    },
  };
}

export const toLine = (entry: object) => `${JSON.stringify(entry)}\n`;

/** The entries of a JSON Lines text; lines that are not JSON objects (torn by a kill) are left out. */
export function parseLines(text: string | null): Record<string, unknown>[] {
  return (text ?? '').split('\n').flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : [];
    } catch {
      return [];
    }
  });
}
