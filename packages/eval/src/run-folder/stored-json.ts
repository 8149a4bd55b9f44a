import { PeftError } from '@tfjs-peft/peft-core';
import { jsonChecksum, type JsonObject } from '@tfjs-peft/peft-core/files';
import type * as z from 'zod';
import { readJsonIfThere } from './read-text.js';
import { writeFileAtomically } from './write-file-atomically.js';

/** Version of the files with results. Since 2 they carry a checksum; files of version 1, or of none, have no checksum. */
const storedVersion = 2;

/**
 * Writes an object with its version and the SHA-256 of its canonical JSON, as `schema` has it: what is written can be read back, and is the
 * same text whether it was read back before or not. Errors: `OUTPUT_UNWRITABLE`, `DISK_FULL`.
 */
export async function writeStoredJson(path: string, schema: z.ZodType, value: object): Promise<void> {
  const known = schema.parse(JSON.parse(JSON.stringify(value)));
  const plain = { version: storedVersion, ...(JSON.parse(JSON.stringify(known)) as JsonObject) };
  const text = JSON.stringify({ ...plain, checksum: jsonChecksum(plain) }, null, 2);
  await writeFileAtomically(path, `${text}\n`);
}

/**
 * Reads what {@link writeStoredJson} wrote: as whole as it was written, and of the shape that `schema` says. Null where there is no file.
 * Errors: `code` for anything else (a checksum that does not fit, a version from the future, a value of another shape), `JSON_*`,
 * `FILE_*`.
 */
export async function readStoredJson<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  error: { readonly code: string; readonly fix: string },
): Promise<z.output<Schema> | null> {
  const stored = await readJsonIfThere(path);
  if (stored === null) return null;
  const damaged = (why: string) =>
    new PeftError(error.code, {
      found: `"${path}": ${why}`,
      expected: 'the file as this program wrote it',
      fix: error.fix,
    });
  const { version = 1, checksum, ...value } = stored;
  if (typeof version !== 'number' || version > storedVersion) throw damaged(`version ${JSON.stringify(version)}`);
  if ((version >= 2 || checksum !== undefined) && checksum !== jsonChecksum(stored))
    throw damaged('its checksum does not fit: it was changed or is not whole');
  return parseStored(schema, value, damaged);
}

/** A value that was read, as `schema` has it. Throws what `damaged` makes of the first things that are wrong. */
export function parseStored<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  damaged: (why: string) => PeftError,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.') || 'value'}: ${message}`);
  throw damaged(issues.join('; '));
}
