import { nearMisses, PeftError } from '@tfjs-peft/peft-core';
import { createDecoder } from './decode-bytes.js';

export type Cell = string | number | bigint | boolean | null | undefined;

/** A labelled file as it was parsed: columns with names, rows of cells. */
export interface Table {
  /** For messages. */
  readonly file: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** 1-based line of each row; absent for files without lines (Parquet). */
  readonly lines?: readonly number[];
}

/** `line 12`, or `row 12` (0-based) for a file without lines. */
export const placeOf = ({ lines }: Table, row: number): string =>
  lines === undefined ? `row ${row}` : `line ${lines[row]}`;

/** The position of the first of `names` that is a column. Errors: `TASK_COLUMN_MISSING`, with near misses. */
export function findColumn(table: Table, names: readonly string[], fix?: string): number {
  for (const name of names) {
    const position = table.columns.indexOf(name);
    if (position >= 0) return position;
  }
  const close = names.flatMap((name) => nearMisses(name, table.columns));
  throw new PeftError('TASK_COLUMN_MISSING', {
    found: `no column ${names.map((name) => `"${name}"`).join(' or ')} in ${table.file}`,
    expected: `one of its columns: ${table.columns.slice(0, 20).map(showColumn).join(', ')}`,
    fix: close.length > 0 ? `did you mean "${close[0]}"?` : (fix ?? 'name an existing column'),
  });
}

/** A file without a header has a whole text as column name. */
const showColumn = (name: string) => `"${name.length > 40 ? `${name.slice(0, 40)}…` : name}"`;

/** Errors: `TASK_FILE_MALFORMED` where two columns share a name: which one is meant cannot be known. */
export function checkColumns(file: string, columns: readonly string[]): readonly string[] {
  const repeated = columns.find((name, i) => columns.indexOf(name) !== i);
  if (repeated === undefined) return columns;
  throw malformed(
    file,
    `two columns called "${repeated}"`,
    'give each column its own name; a file without a header needs column names',
  );
}

export const malformed = (file: string, what: string, fix: string, cause?: unknown) =>
  new PeftError('TASK_FILE_MALFORMED', { found: `${file}: ${what}`, fix, cause });

export const emptyFile = (file: string) =>
  new PeftError('TASK_FILE_MALFORMED', {
    found: `${file}: no rows`,
    expected: 'a header and labelled rows',
    fix: 'check that this is the file you mean and that it was written completely',
  });

/** Errors of other libraries may come from another realm, so `instanceof` would miss them. */
export const messageOf = (cause: unknown): string =>
  String((cause as { message?: unknown } | null | undefined)?.message ?? cause);

/** Decodes bytes strictly and drops a byte order mark. Errors: `TASK_FILE_UNREADABLE`. */
export function decodeText(bytes: Uint8Array, file: string, encoding = 'utf-8'): string {
  const decode = createDecoder(encoding);
  if (!decode)
    throw new PeftError('TASK_FILE_UNREADABLE', {
      found: `text encoding "${encoding}"`,
      expected: 'a label of the WHATWG Encoding standard',
      fix: 'use "utf-8", "latin1", "windows-1252" or another of them',
    });
  try {
    return decode(bytes);
  } catch (cause) {
    throw new PeftError('TASK_FILE_UNREADABLE', {
      found: `${file}: bytes that are not ${encoding}`,
      fix: 'state the encoding of the file (often "latin1"), or convert it to UTF-8',
      cause,
    });
  }
}
