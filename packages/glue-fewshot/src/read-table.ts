import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { dataLimits } from './data-limits.js';
import { parseCsv } from './parse-csv.js';
import { parseJsonl } from './parse-jsonl.js';
import { parseParquet } from './parse-parquet.js';
import { parseTsv } from './parse-tsv.js';
import { show } from './show.js';
import { decodeText, messageOf, type Table } from './table.js';

/** File kinds a labelled file may have, by the end of its name. */
export const tableExtensions = ['.csv', '.tsv', '.jsonl', '.ndjson', '.parquet'] as const;

/** What a table's file does not say of itself. */
export interface TableOptions {
  /** Column names of a CSV or TSV file without a header line. */
  readonly columnNames?: readonly string[];
  /** What separates the fields of a CSV file, one character; a comma by default. */
  readonly delimiter?: string;
  /** Text encoding of a CSV, TSV or JSONL file; `utf-8` by default. */
  readonly encoding?: string;
  /** Whether a TSV file quotes fields as CSV does; no by default, as in GLUE. */
  readonly quotedTsv?: boolean;
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

/** Reads a table; the end of the file's name decides how. Errors: `TASK_FILE_MISSING`, `TASK_FILE_UNREADABLE`, `TASK_FILE_TOO_LARGE`, `TASK_FILE_MALFORMED`, `TASK_OPTION_INVALID`. */
export async function readTable(file: string, options: TableOptions = {}): Promise<Table> {
  const { columnNames, delimiter, encoding, quotedTsv = false } = options;
  const extension = extname(file).toLowerCase();
  checkDelimiter(delimiter);
  if (!tableExtensions.some((known) => known === extension))
    throw new PeftError('TASK_FILE_UNREADABLE', {
      found: `${file}: kind of file unknown by its name`,
      expected: `a name that ends in ${tableExtensions.join(', ')}`,
      fix: 'rename the file so that its ending says what it is, or convert it',
    });
  const bytes = await readBytes(file);
  if (extension === '.parquet') return parseParquet(bytes, file);
  const text = decodeText(bytes, file, encoding);
  if (extension === '.jsonl' || extension === '.ndjson') return parseJsonl(text, file);
  if (extension === '.csv' || delimiter !== undefined) return parseCsv(text, file, { columnNames, delimiter });
  return quotedTsv ? parseCsv(text, file, { columnNames, delimiter: '\t' }) : parseTsv(text, file, { columnNames });
}

function checkDelimiter(delimiter: string | undefined): void {
  if (delimiter === undefined || (delimiter.length === 1 && !/["\r\n]/.test(delimiter))) return;
  throw new PeftError('TASK_OPTION_INVALID', {
    found: `delimiter ${show(delimiter)}`,
    expected: 'one character, such as ";" or a tab',
    fix: 'leave it out for a comma',
  });
}
