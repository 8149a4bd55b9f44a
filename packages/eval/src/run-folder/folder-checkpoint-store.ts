import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointStore } from '@tfjs-peft/train';
import { isMissing } from './folder-errors.js';
import { writeFileAtomically } from './write-file-atomically.js';

/** Checkpoints as files of one folder. Errors: `DISK_FULL`, `OUTPUT_UNWRITABLE`. */
export const createFolderStore = (folder: string): CheckpointStore => ({
  async read(name) {
    try {
      return new Uint8Array(await readFile(join(folder, name)));
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  },
  write: (name, bytes) => writeFileAtomically(join(folder, name), bytes),
  remove: (name) => rm(join(folder, name), { force: true }),
});
