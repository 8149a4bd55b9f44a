import { readdir } from 'node:fs/promises';
import { PeftError } from '@tfjs-peft/peft-core';
import { toFolderError } from './folder-errors.js';

/** Errors: `OUTPUT_NOT_EMPTY` for a folder that holds something; nothing is ever deleted for an export. */
export async function requireEmptyFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw toFolderError(error, folder);
  });
  if (names.length === 0) return;
  throw new PeftError('OUTPUT_NOT_EMPTY', {
    found: `"${folder}" holds ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`,
    expected: 'a new folder, or an empty one',
    fix: 'name another folder, or delete this one',
  });
}
