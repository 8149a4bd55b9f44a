import { readFile } from 'node:fs/promises';
import { type JsonObject, parseJsonObject, PeftError } from '@tfjs-peft/peft-core';
import { isMissing } from './folder-errors.js';

/** The file's text, or null where there is none. */
export async function readTextIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw new PeftError('FILE_UNREADABLE', {
      found: `cannot read "${path}" (${String(error)})`,
      fix: 'check the path and its permissions',
      cause: error,
    });
  }
}

/** A JSON object that this package wrote, or null where there is no file. Errors: `JSON_INVALID` and the like, `FILE_UNREADABLE`. */
export async function readJsonIfThere(path: string): Promise<JsonObject | null> {
  const text = await readTextIfThere(path);
  return text === null ? null : parseJsonObject(text, path, { maxBytes: 64 * 2 ** 20 });
}
