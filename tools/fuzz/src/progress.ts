import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** What a worker has done so far, and at what it is. In a file, since a worker that hangs says nothing. */
export interface Progress {
  /** The input that is being read. */
  index: number;
  values: number;
  errors: number;
  slowestMs: number;
  slowestIndex: number;
}

const fields = ['index', 'values', 'errors', 'slowestMs', 'slowestIndex'] as const;

export function openProgress(file: string): { write(progress: Progress): void; close(): void } {
  const descriptor = openSync(file, 'w');
  const numbers = new Float64Array(fields.length);
  return {
    write(progress) {
      fields.forEach((field, i) => (numbers[i] = progress[field]));
      writeSync(descriptor, numbers, 0, numbers.byteLength, 0);
    },
    close: () => closeSync(descriptor),
  };
}

export function readProgress(file: string): Progress | null {
  try {
    const bytes = new Uint8Array(readFileSync(file));
    const numbers = new Float64Array(bytes.buffer, 0, fields.length);
    return Object.fromEntries(fields.map((field, i) => [field, numbers[i]!])) as unknown as Progress;
  } catch {
    return null;
  }
}
