import { lstat, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { isJsonObject } from '@tfjs-peft/peft-core/files';
import { lockFolder } from '../run-folder/folder-lock.js';
import { isLeftover } from '../run-folder/remove-leftovers.js';
import { readTextIfThere } from '../run-folder/read-text.js';
import { trialFiles } from '../records/trial-folder.js';
import { experimentFiles } from '../records/experiment-folder.js';

const reports = ['table.md', 'plot.svg', 'history.svg', 'report.html'];
const named = (files: Readonly<Record<string, string>>) => new Set(Object.values(files).map((path) => basename(path)));
const ofExperiment = new Set([...named(experimentFiles('')), ...reports]);
const ofTrial = named(trialFiles(''));

/**
 * Deletes the folder of an experiment: one that this program marked as its own and that holds nothing else. A folder that is not there, or
 * empty, is no error. Errors: `FOLDER_NOT_OURS`, `FOLDER_IN_USE`.
 */
export async function deleteExperimentFolder(folder: string): Promise<void> {
  const refuse = (why: string): never => {
    throw new PeftError('FOLDER_NOT_OURS', {
      found: `"${folder}" ${why}, so it is not deleted`,
      expected: 'a folder that this program made, with nothing else in it',
      fix: 'choose another folder, or delete it yourself',
    });
  };
  const found = await lstat(folder).catch(() => null);
  if (found === null) return;
  if (!found.isDirectory()) return refuse('is not a folder');
  const names = await readdir(folder);
  if (names.length === 0) return;
  if (!(await isMarked(folder))) return refuse('holds files but does not say that this program made it');
  const foreign = await findForeign(folder, names);
  if (foreign !== undefined) return refuse(`holds "${foreign}", which no experiment wrote`);
  const release = await lockFolder(folder);
  try {
    await rm(folder, { recursive: true, force: true });
  } finally {
    release();
  }
}

async function isMarked(folder: string): Promise<boolean> {
  try {
    const text = await readTextIfThere(experimentFiles(folder).mark, { maxBytes: 4096 });
    const mark: unknown = JSON.parse(text ?? 'null');
    return isJsonObject(mark) && mark.madeBy === 'tfjs-peft';
  } catch {
    return false;
  }
}

/** The first entry, below the folder, that is none of an experiment's or of a trial's. */
async function findForeign(folder: string, names: readonly string[]): Promise<string | undefined> {
  const other = names.find((name) => !ofExperiment.has(name) && !isLeftover(name));
  if (other !== undefined) return other;
  const { trials } = experimentFiles(folder);
  for (const trial of await readdir(trials).catch((): string[] => [])) {
    const inside = await readdir(join(trials, trial)).catch(() => null);
    const strange = inside?.find((name) => !ofTrial.has(name) && !isLeftover(name));
    if (inside === null || strange !== undefined) return join('trials', trial, strange ?? '');
  }
  return undefined;
}
