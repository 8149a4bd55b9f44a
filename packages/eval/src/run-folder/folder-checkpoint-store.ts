import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointStore } from '@tfjs-peft/train';
import { readFileIfThere } from './read-text.js';
import { writeFileAtomically } from './write-file-atomically.js';

/** Checkpoints as files of one folder. Errors: `DISK_FULL`, `OUTPUT_UNWRITABLE`. */
export const createFolderStore = (folder: string): CheckpointStore => ({
  async read(name) {
    const bytes = await readFileIfThere(join(folder, name), { maxBytes: 2 ** 31 });
    return bytes === null ? null : new Uint8Array(bytes);
  },
  write: (name, bytes) => writeFileAtomically(join(folder, name), bytes),
  remove: (name) => rm(join(folder, name), { force: true }),
});
