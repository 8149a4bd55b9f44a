import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { list } from './find-glue-files.js';

/**
 * The folder that holds one of `names` (files or folders of a task): the given folder, or the one folder in it that does, so that `data`
 * may be given where `data/glue` is meant. The given folder where nobody has them: its reader says what is missing.
 * Errors: `TASK_DIRECTORY_AMBIGUOUS` where several folders have them.
 */
export async function findDataFolder(directory: string, names: readonly string[]): Promise<string> {
  const inside = await list(directory);
  const has = (listing: readonly string[]) => names.some((name) => listing.includes(name));
  if (has(inside)) return directory;
  const found: string[] = [];
  for (const folder of inside.map((name) => join(directory, name)))
    if ((await stat(folder).catch(() => null))?.isDirectory() && has(await list(folder))) found.push(folder);
  if (found.length > 1)
    throw new PeftError('TASK_DIRECTORY_AMBIGUOUS', {
      found: `${names.join(' or ')} in several folders: ${found.slice(0, 5).join(', ')}`,
      fix: 'give the one that is meant as the data directory',
    });
  return found[0] ?? directory;
}

/** The folders of a task that may be called by one of `names`: in the data directory, in a folder of it, or the data directory itself. */
export async function findTaskFolders(directory: string, names: readonly string[]): Promise<string[]> {
  const own = basename(resolve(directory)).toLowerCase();
  const inside = await list(directory);
  if (names.some((name) => name.toLowerCase() === own) && !names.some((name) => inside.includes(name)))
    return [directory];
  const home = await findDataFolder(directory, names);
  return names.map((name) => join(home, name));
}
