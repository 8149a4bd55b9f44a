import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { parseCsv } from './parse-csv.js';
import { parseJsonl } from './parse-jsonl.js';
import { parseParquet } from './parse-parquet.js';
import { parseTsv } from './parse-tsv.js';
import { decodeText, messageOf, type Table } from './table.js';

/** File kinds a labelled file may have, by the end of its name. */
export const tableExtensions = ['.csv', '.tsv', '.jsonl', '.parquet'] as const;

export interface TableOptions {
  /** Column names of a CSV or TSV file without a header line. */
  readonly columnNames?: readonly string[];
  /** Text encoding of a CSV, TSV or JSONL file; `utf-8` by default. */
  readonly encoding?: string;
  /** Whether a TSV file quotes fields as CSV does; no by default, as in GLUE. */
  readonly quotedTsv?: boolean;
}

/** Reads a whole file. Errors: `TASK_FILE_MISSING`, `TASK_FILE_UNREADABLE`. */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const missing = (cause as { code?: unknown } | null)?.code === 'ENOENT';
    throw new PeftError(missing ? 'TASK_FILE_MISSING' : 'TASK_FILE_UNREADABLE', {
      found: missing ? `no file ${file}` : `${file}: ${messageOf(cause)}`,
      fix: missing ? 'check the path' : 'check that it is a file and may be read',
      cause,
    });
  }
}

/** Reads a table; the end of the file's name decides how. Errors: `TASK_FILE_MISSING`, `TASK_FILE_UNREADABLE`, `TASK_FILE_MALFORMED`. */
export async function readTable(file: string, options: TableOptions = {}): Promise<Table> {
  const { columnNames, encoding, quotedTsv = false } = options;
  const extension = extname(file).toLowerCase();
  if (!tableExtensions.some((known) => known === extension))
    throw new PeftError('TASK_FILE_UNREADABLE', {
      found: `${file}: kind of file unknown by its name`,
      expected: `a name that ends in ${tableExtensions.join(', ')}`,
      fix: 'rename or convert the file',
    });
  const bytes = await readBytes(file);
  if (extension === '.parquet') return parseParquet(bytes, file);
  const text = decodeText(bytes, file, encoding);
  if (extension === '.jsonl') return parseJsonl(text, file);
  if (extension === '.csv') return parseCsv(text, file, { columnNames });
  return quotedTsv ? parseCsv(text, file, { columnNames, delimiter: '\t' }) : parseTsv(text, file, { columnNames });
}
