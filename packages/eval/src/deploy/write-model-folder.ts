import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { toFolderError } from '../run-folder/folder-errors.js';
import { makeFolderSync } from '../run-folder/make-folder.js';
import { requireEmptyFolder } from '../run-folder/require-empty-folder.js';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';

/**
 * Writes the files of a model as one folder: into a temporary one beside it that `check` looks at, and which then gets the name. Returns what
 * `check` returned. Errors: `OUTPUT_NOT_EMPTY`, `OUTPUT_UNWRITABLE`, `DISK_FULL`, those of `check`; the folder is not made then.
 */
export async function writeModelFolder<Result>(
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
  check: (folder: string) => Promise<Result>,
): Promise<Result> {
  await requireEmptyFolder(folder);
  const whole = resolve(folder);
  const temporary = join(dirname(whole), `.${basename(whole)}.${process.pid}.tmp`);
  try {
    await rm(temporary, { recursive: true, force: true });
    makeFolderSync(temporary);
    for (const [name, data] of files) await writeFileAtomically(join(temporary, name), data);
    const result = await check(temporary);
    await rm(whole, { recursive: true, force: true });
    await rename(temporary, whole);
    return result;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw toFolderError(error, folder);
  }
}
