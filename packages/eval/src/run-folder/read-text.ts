import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { PeftError } from '@tfjs-peft/peft-core';
import { type JsonObject, parseJsonObject } from '@tfjs-peft/peft-core/files';
import { isMissing } from './folder-errors.js';

export interface ReadLimits {
  /** Largest size of the file. Default 64 MiB. */
  readonly maxBytes?: number;
}

const defaultMaxBytes = 64 * 2 ** 20;

/**
 * The file's bytes, or null where there is none. A plain file alone: a pipe would be waited for without end, a device read without end.
 * Errors: `FILE_UNREADABLE`, `FILE_NOT_PLAIN`, `FILE_TOO_LARGE`.
 */
export async function readFileIfThere(
  path: string,
  { maxBytes = defaultMaxBytes }: ReadLimits = {},
): Promise<Buffer | null> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw unreadable(path, error);
  });
  if (file === null) return null;
  try {
    const found = await file.stat();
    if (!found.isFile())
      throw new PeftError('FILE_NOT_PLAIN', {
        found: `"${path}" is ${found.isDirectory() ? 'a folder' : 'a pipe or a device'}`,
        expected: 'a plain file',
        fix: 'check the path',
      });
    if (found.size > maxBytes)
      throw new PeftError('FILE_TOO_LARGE', {
        found: `"${path}" has ${found.size} bytes`,
        expected: `at most ${maxBytes} bytes`,
        fix: 'check that this is the right file',
      });
    return await file.readFile();
  } catch (error) {
    throw error instanceof PeftError ? error : unreadable(path, error);
  } finally {
    await file.close();
  }
}

/** The file's text, or null where there is none. Errors: those of {@link readFileIfThere}. */
export const readTextIfThere = async (path: string, limits?: ReadLimits): Promise<string | null> =>
  (await readFileIfThere(path, limits))?.toString('utf8') ?? null;

/** A JSON object that this package wrote, or null where there is no file. Errors: `JSON_INVALID` and the like, `FILE_UNREADABLE`. */
export async function readJsonIfThere(path: string): Promise<JsonObject | null> {
  const text = await readTextIfThere(path);
  return text === null ? null : parseJsonObject(text, path, { maxBytes: defaultMaxBytes });
}

const unreadable = (path: string, cause: unknown) =>
  new PeftError('FILE_UNREADABLE', {
    found: `cannot read "${path}" (${String(cause)})`,
    fix: 'check the path and its permissions',
    cause,
  });
