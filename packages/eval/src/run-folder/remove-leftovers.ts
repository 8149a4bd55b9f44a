import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const temporary = /^\.(?:[^/\\]+\.\d+(?:\.[0-9a-f]{8})?\.tmp|writable-\d+)$/;
const lock = /^\.writer-\d+-[0-9a-f]{12}\.json$/;

/** Temporary files and folders of this package, and locks: what a process that was killed leaves behind. */
export const isLeftover = (name: string): boolean => temporary.test(name) || lock.test(name);

/**
 * Removes what killed writers left in `folder`, but for locks, of which another one may just have come. Only its one writer may call this: to anybody
 * else they are somebody's work.
 */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch((): string[] => []))
    if (temporary.test(name)) await rm(join(folder, name), { recursive: true, force: true });
}
