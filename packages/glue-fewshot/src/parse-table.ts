import { PeftError } from '@tfjs-peft/peft-core';
import { parseCsv } from './parse-csv.js';
import { parseJsonl } from './parse-jsonl.js';
import { parseTsv } from './parse-tsv.js';
import { show } from './show.js';
import type { Table } from './table.js';

/** What the text of a table does not say of itself. */
export interface TableTextOptions {
  /** Column names of a CSV or TSV file without a header line. */
  readonly columnNames?: readonly string[];
  /** What separates the fields of a CSV file, one character; a comma by default. */
  readonly delimiter?: string;
  /** Whether a TSV file quotes fields as CSV does; no by default, as in GLUE. */
  readonly quotedTsv?: boolean;
}

/**
 * Reads the text of a table; the end of the name decides how: `.jsonl` and `.ndjson`, `.tsv`, CSV for anything else; a `.xz` after it says that
 * the file was packed.
 * Errors: `TASK_FILE_MALFORMED`, naming the line; `TASK_OPTION_INVALID`.
 */
export function parseTable(
  text: string,
  name: string,
  { columnNames, delimiter, quotedTsv = false }: TableTextOptions = {},
): Table {
  checkDelimiter(delimiter);
  if (/\.(jsonl|ndjson)(\.xz)?$/i.test(name)) return parseJsonl(text, name);
  if (delimiter !== undefined || !/\.tsv(\.xz)?$/i.test(name)) return parseCsv(text, name, { columnNames, delimiter });
  return quotedTsv ? parseCsv(text, name, { columnNames, delimiter: '\t' }) : parseTsv(text, name, { columnNames });
}

function checkDelimiter(delimiter: string | undefined): void {
  if (delimiter === undefined || (delimiter.length === 1 && !/["\r\n]/.test(delimiter))) return;
  throw new PeftError('TASK_OPTION_INVALID', {
    found: `delimiter ${show(delimiter)}`,
    expected: 'one character, such as ";" or a tab',
    fix: 'leave it out for a comma',
  });
}
