import { copyFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { trialWithBarePaths, withBarePaths } from '../grid/grid-paths.js';
import { readGrid, writeGrid } from '../grid/grid-folder.js';
import { type ListedTrial, type Listing, readTrialList, writeTrialList } from '../grid/trial-list.js';
import { inspectTrialFolder, trialFiles, writeTrialConfig } from '../records/trial-folder.js';
import { toFolderError } from '../run-folder/folder-errors.js';
import { lockFolder } from '../run-folder/folder-lock.js';
import { ensureWritableFolder } from '../run-folder/write-file-atomically.js';
import { requireGrid } from './sweep-folder.js';

/** What {@link copyRecords} copied. */
export interface CopiedRecords {
  /** Finished trials, the searched ones included. */
  readonly trials: number;
  readonly bytes: number;
}

/**
 * Copies a grid to `output` without weights and without folders of this machine: of each finished trial its configuration, split, summary and
 * records. The copy is the folder of a grid: `report` reads it, and `ablate --resume` goes on in it. An earlier copy of the same grid is brought
 * up to date. Errors: `GRID_MISSING`, `GRID_DAMAGED`, `TRIALS_DAMAGED`, `RUN_FOLDER_DAMAGED`, `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`,
 * `RECORDS_INTO_THEMSELVES`, `FOLDER_IN_USE`, `OUTPUT_UNWRITABLE`, `DISK_FULL`.
 */
export async function copyRecords(given: string, output: string): Promise<CopiedRecords> {
  const [from, to] = [resolve(given), resolve(output)];
  const below = relative(from, to);
  if (below === '' || !below.startsWith('..'))
    throw new PeftError('RECORDS_INTO_THEMSELVES', {
      found: `"${to}" is in the grid that is to be copied`,
      fix: 'name a folder outside of it',
    });
  const grid = await requireGrid(from);
  const all = await readTrialList(from);
  const listed = all.filter(({ dropped }) => !dropped);
  const finished: Listing[] = [];
  for (const trial of listed) {
    const state = await inspectTrialFolder(join(from, trial.folder), trial.config);
    if (state.kind === 'finished') finished.push(withoutFolders(trial));
  }
  await ensureWritableFolder(to);
  const release = await lockFolder(to);
  try {
    await refuseAnother(to, new Set(all.map(({ folder }) => folder)));
    let bytes = 0;
    for (const { folder, config } of finished) {
      const path = join(to, folder);
      // Of another configuration only where somebody changed the copy.
      await inspectTrialFolder(path, config);
      await writeTrialConfig(path, config);
      const [source, target] = [trialFiles(join(from, folder)), trialFiles(path)];
      // The summary is last: with it a trial is finished.
      for (const name of ['split', 'environment', 'evaluations', 'items', 'summary'] as const)
        bytes += await copyIfThere(source[name], target[name]);
    }
    await writeTrialList(to, listed.map(withoutFolders));
    await writeGrid(to, { ...grid, config: withBarePaths(grid.config), command: commandWithoutFolders(grid.command) });
    return { trials: finished.length, bytes };
  } finally {
    release();
  }
}

/** Errors: `RUN_FOLDER_OF_ANOTHER_CONFIGURATION` for a folder with trials that the grid never had. */
async function refuseAnother(to: string, known: ReadonlySet<string>): Promise<void> {
  if (!(await readGrid(to))) return;
  const stranger = (await readTrialList(to)).find(({ folder, dropped }) => !dropped && !known.has(folder));
  if (stranger)
    throw new PeftError('RUN_FOLDER_OF_ANOTHER_CONFIGURATION', {
      found: `"${to}" holds another grid, with the trial ${stranger.folder}`,
      expected: 'a new folder, or an earlier copy of this grid',
      fix: 'name another folder for the copy',
    });
}

/** Floors have no evaluations, and trials of older versions no records. */
async function copyIfThere(from: string, to: string): Promise<number> {
  try {
    await copyFile(from, to);
    return (await stat(to)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw toFolderError(error, dirname(to));
  }
}

const withoutFolders = ({ cell, folder, config }: ListedTrial): Listing => ({
  ...{ cell, folder },
  config: trialWithBarePaths(config),
});

/** Of each absolute path its last name stays. */
const commandWithoutFolders = (command: string): string =>
  command.replace(/(^|[\s'"])(?:[A-Za-z]:)?[\\/][^\s'"]*?([^\\/\s'"]+)(?=$|[\s'"])/g, '$1$2');
