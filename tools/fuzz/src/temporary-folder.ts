import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Files } from './reader.js';

export interface TemporaryFolder {
  readonly path: string;
  /** Makes the folder hold these files and nothing else. */
  put(files: Files): void;
  close(): void;
}

/** A folder for readers of folders; one a worker, gone when it closes or ends. */
export function temporaryFolder(): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), 'tfjs-peft-fuzz-'));
  const close = () => rmSync(path, { recursive: true, force: true });
  process.once('exit', close);
  return {
    path,
    put(files) {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path);
      for (const [name, bytes] of files) {
        mkdirSync(dirname(join(path, name)), { recursive: true });
        writeFileSync(join(path, name), bytes);
      }
    },
    close,
  };
}
