import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { dataLimits } from './data-limits.js';
import { parseParquet } from './parse-parquet.js';
import { parseTable, type TableTextOptions } from './parse-table.js';
import { decodeText, messageOf, type Table } from './table.js';
import { unpackXz } from './unpack-xz.js';

/** File kinds a labelled file may have, by the end of its name. */
export const tableExtensions = ['.csv', '.tsv', '.jsonl', '.ndjson', '.parquet'] as const;

/** What a table's file does not say of itself. */
export interface TableOptions extends TableTextOptions {
  /** Text encoding of a CSV, TSV or JSONL file; `utf-8` by default. */
  readonly encoding?: string;
}

/** Reads a whole file. Errors: `TASK_FILE_MISSING`, `TASK_FILE_UNREADABLE`, `TASK_FILE_TOO_LARGE`. */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    const found = await stat(file);
    // A pipe or a device has no size and may never end.
    if (!found.isFile()) throw new Error('not a file');
    const { size } = found;
    if (size > dataLimits.tableBytes) throw tooLarge(file, size);
    return await readFile(file);
  } catch (cause) {
    if (isPeftError(cause)) throw cause;
    const missing = (cause as { code?: unknown } | null)?.code === 'ENOENT';
    throw new PeftError(missing ? 'TASK_FILE_MISSING' : 'TASK_FILE_UNREADABLE', {
      found: missing ? `no file ${file}` : `${file}: ${messageOf(cause)}`,
      fix: missing ? 'check the path' : 'check that it is a file and may be read',
      cause,
    });
  }
}

const tooLarge = (file: string, size: number) =>
  new PeftError('TASK_FILE_TOO_LARGE', {
    found: `${file}: ${size} bytes`,
    expected: `at most ${dataLimits.tableBytes}`,
    fix: 'few-shot learning needs few rows: keep some thousands of them',
  });

/** Reads a table; the end of the file's name decides how, `.xz` after it that it is packed. Errors: `TASK_FILE_MISSING`, `TASK_FILE_UNREADABLE`, `TASK_FILE_TOO_LARGE`, `TASK_FILE_MALFORMED`, `TASK_OPTION_INVALID`. */
export async function readTable(file: string, options: TableOptions = {}): Promise<Table> {
  const isPacked = file.toLowerCase().endsWith('.xz');
  const extension = extname(isPacked ? file.slice(0, -'.xz'.length) : file).toLowerCase();
  if (!tableExtensions.some((known) => known === extension))
    throw new PeftError('TASK_FILE_UNREADABLE', {
      found: `${file}: kind of file unknown by its name`,
      expected: `a name that ends in ${tableExtensions.join(', ')}`,
      fix: 'rename the file so that its ending says what it is, or convert it',
    });
  const stored = await readBytes(file);
  const bytes = isPacked ? await unpackXz(stored, file) : stored;
  if (extension === '.parquet') return parseParquet(bytes, file);
  return parseTable(decodeText(bytes, file, options.encoding), file, options);
}
