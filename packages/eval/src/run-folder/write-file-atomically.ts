import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { toFolderError } from './folder-errors.js';
import { makeFolderSync } from './make-folder.js';

/**
 * Writes a file under a temporary name in the same folder, then renames it: readers see the old file or the whole new one, whatever
 * happens in between. Creates the folder. Errors: `DISK_FULL`, `OUTPUT_UNWRITABLE`; the earlier file stays as it was.
 */
export function writeFileAtomicallySync(path: string, data: string | Uint8Array): void {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    makeFolderSync(folder);
    const file = openSync(temporary, 'wx');
    try {
      writeFileSync(file, data);
      // Without it a power cut may leave the new name with an empty file behind it.
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    throw toFolderError(error, folder);
  }
}

/** The same as a promise. Synchronous inside: the files are small, and a training step on wasm would hold up each asynchronous part. */
export const writeFileAtomically = async (path: string, data: string | Uint8Array): Promise<void> =>
  writeFileAtomicallySync(path, data);

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The error that led here says more.
  }
}

/** Creates `folder` and proves that files can be written there, before any work is done. Errors: `OUTPUT_UNWRITABLE`, `DISK_FULL`. */
export async function ensureWritableFolder(folder: string): Promise<void> {
  const probe = join(folder, `.writable-${process.pid}`);
  await writeFileAtomically(probe, 'ok\n');
  await rm(probe, { force: true });
}
