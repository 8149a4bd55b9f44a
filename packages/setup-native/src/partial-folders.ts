import { readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from './say.js';

const MARK = '.partial-';

/** What this process is filling at the moment. */
const mine = new Set<string>();

/** A path in `folder` that is being filled; it gets its lasting name when it is complete, and is gone if this process fails. */
export function partialPath(folder: string, what: string): string {
  const path = join(folder, `${what}${MARK}${process.pid}`);
  rmSync(path, { recursive: true, force: true });
  mine.add(path);
  return path;
}

/** Removes what this process has not finished. */
export function removeUnfinished(): void {
  for (const path of mine) rmSync(path, { recursive: true, force: true });
  mine.clear();
}

/** Removes what killed runs left in `folder`; what belongs to a process that still runs is left alone. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    const pid = Number(name.split(MARK)[1]);
    if (pid && pid !== process.pid && !isRunning(pid)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
