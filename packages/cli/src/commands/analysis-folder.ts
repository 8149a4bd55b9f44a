import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ensureWritableFolder, writeFileAtomically } from '@tfjs-peft/eval/run-folder';
import type { TaskData } from '@tfjs-peft/eval/trial';
import { PeftError } from '@tfjs-peft/peft-core';
import { isJsonObject, type Json, type JsonObject, readableJson } from '@tfjs-peft/peft-core/files';

/** Proves that files can be written to a folder, and makes none that is not there yet. Errors: `OUTPUT_UNWRITABLE`, `DISK_FULL`. */
export async function proveWritable(folder: string): Promise<void> {
  let there = resolve(folder);
  while (dirname(there) !== there && !(await stat(there).catch(() => null))) there = dirname(there);
  await ensureWritableFolder(there);
}

/** The results of an analysis, a record of JSON in its folder. */
interface RecordPlace {
  readonly folder: string;
  /** Of the file: `kernels.json`. */
  readonly name: string;
  readonly data: Pick<TaskData, 'loaded' | 'dataHash'>;
}

/** Errors: `RUN_FOLDER_OF_ANOTHER_CONFIGURATION` where the folder holds results of another task, or of other rows: they would be overwritten. */
export async function requireOwnRecord({ folder, name, data }: RecordPlace): Promise<void> {
  const path = join(folder, name);
  const earlier = parsed(await readFile(path, 'utf8').catch(() => 'null'));
  if (!isJsonObject(earlier)) return;
  const { loaded, dataHash } = data;
  const what =
    earlier.task !== loaded.task.name
      ? `task ${JSON.stringify(earlier.task ?? null)}, not "${loaded.task.name}"`
      : earlier.dataHash !== undefined && earlier.dataHash !== dataHash
        ? `other rows than ${loaded.files.join(', ')} ${loaded.files.length === 1 ? 'has' : 'have'} now`
        : undefined;
  if (what === undefined) return;
  throw new PeftError('RUN_FOLDER_OF_ANOTHER_CONFIGURATION', {
    found: `"${path}" holds results of ${what}`,
    expected: 'a new folder, or one with results of the same task and rows',
    fix: 'choose another --output',
  });
}

/** Writes results with the hash of the rows that they are of. */
export const writeRecord = ({ folder, name, data }: RecordPlace, results: object): Promise<void> =>
  writeFileAtomically(
    join(folder, name),
    readableJson({ ...results, dataHash: data.dataHash } as unknown as JsonObject),
  );

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}
