import { readdir } from 'node:fs/promises';
import { PeftError } from '@tfjs-peft/peft-core';

/** Lets only a folder be deleted that an experiment made, or an empty one. Errors: `FOLDER_NOT_OURS`. */
export async function requireOwnFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw new PeftError('FOLDER_NOT_OURS', { found: `"${folder}" is not a folder`, fix: 'choose another --output' });
  });
  if (names.length === 0 || names.includes('experiment.yaml')) return;
  throw new PeftError('FOLDER_NOT_OURS', {
    found: `"${folder}" holds files but no experiment, so it is not deleted`,
    fix: 'choose another --output, or empty the folder yourself',
  });
}
