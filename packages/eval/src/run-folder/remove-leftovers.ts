import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Temporary files and folders of this package, and locks: what a process that was killed leaves behind. */
const pattern = /^\.(?:[^/\\]+\.\d+(?:\.[0-9a-f]{8})?\.tmp|writable-\d+|writer-\d+-[0-9a-f]{12}\.json)$/;

export const isLeftover = (name: string): boolean => pattern.test(name);

/** Removes what killed writers left in `folder`. Only its one writer may call this: to anybody else they are somebody's work. */
export async function removeLeftovers(folder: string, own: string): Promise<void> {
  for (const name of await readdir(folder).catch((): string[] => []))
    if (isLeftover(name) && name !== own) await rm(join(folder, name), { recursive: true, force: true });
}
