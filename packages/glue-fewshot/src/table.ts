import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import { createDecoder } from './decode-bytes.js';
import { dataLimits } from './data-limits.js';
import { show } from './show.js';

/** A value of a table. Objects are what JSONL and Parquet nest (lists, structs, dates, bytes): no text and no label. */
export type Cell = string | number | bigint | boolean | null | undefined | object;

/** A labelled file as it was parsed: columns with names, rows of cells. */
export interface Table {
  /** For messages. */
  readonly file: string;
  readonly columns: readonly string[];
  readonly rowCount: number;
  /** Rows and columns count from 0. */
  cell(row: number, column: number): Cell;
  /** 1-based line of each row; absent for files without lines (Parquet). */
  readonly lines?: readonly number[];
  /** Names of the classes that a column of numbers stands for, where the file says them (`datasets` writes them into Parquet). */
  readonly classNames?: ReadonlyMap<string, readonly string[]>;
}

/** A table of rows that have a cell for every column. */
export const tableOf = (
  file: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  lines?: readonly number[],
): Table => ({
  file,
  columns,
  rowCount: rows.length,
  cell: (row, column) => rows[row]?.[column],
  ...(lines && { lines }),
});

/** `line 12`, or `row 12` (0-based) for a file without lines. */
export const placeOf = ({ lines }: Pick<Table, 'lines'>, row: number): string =>
  lines === undefined ? `row ${row}` : `line ${lines[row]}`;

/** The position of the first of `names` that is a column. Errors: `TASK_COLUMN_MISSING`, with near misses. */
export function findColumn(table: Table, names: readonly string[], fix?: string): number {
  for (const name of names) {
    const position = name === '' ? -1 : table.columns.indexOf(name);
    if (position >= 0) return position;
  }
  const close = names.flatMap((name) => nearMisses(name, table.columns));
  throw new PeftError('TASK_COLUMN_MISSING', {
    found: `no column ${names.map(show).join(' or ')} in ${table.file}`,
    expected: `one of its columns: ${table.columns.slice(0, 20).map(show).join(', ')}`,
    fix:
      otherSeparator(table) ??
      (close.length > 0 ? `did you mean ${show(close[0]!)}?` : (fix ?? 'name an existing column')),
  });
}

/** The cure of a file that was read as one column because something else separates its fields. */
export function otherSeparator({ columns }: Table): string | undefined {
  if (columns.length !== 1) return undefined;
  const found = [';', '\\t', '|', ','].find((mark) => columns[0]!.includes(mark.replace('\\t', '\t')));
  return found && `its fields are separated by ${found}: set delimiter (in the command: --delimiter '${found}')`;
}

/**
 * Errors: `TASK_FILE_MALFORMED` where two columns share a name: which one is meant cannot be known. Columns without a name may repeat:
 * spreadsheets leave such behind, and nobody can ask for one.
 */
export function checkColumns(file: string, columns: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  for (const name of columns) {
    if (name !== '' && seen.has(name))
      throw malformed(
        file,
        `two columns called ${show(name)}`,
        'give each column its own name; for a file without a header line set columnNames (in the command: --column-names text,label)',
      );
    seen.add(name);
  }
  return columns;
}

export const malformed = (file: string, what: string, fix: string, cause?: unknown) =>
  new PeftError('TASK_FILE_MALFORMED', { found: `${file}: ${what}`, fix, cause });

export const emptyFile = (file: string) =>
  new PeftError('TASK_FILE_MALFORMED', {
    found: `${file}: no rows`,
    expected: 'a header and labelled rows',
    fix: 'check that this is the file you mean and that it was written completely',
  });

/** Errors of other libraries may come from another realm, so `instanceof` would miss them; some repeat a whole cell. */
export const messageOf = (cause: unknown): string => {
  const message = String((cause as { message?: unknown } | null | undefined)?.message ?? cause);
  return message.length > dataLimits.messageCharacters ? `${message.slice(0, dataLimits.messageCharacters)}…` : message;
};

/** Decodes bytes strictly and drops a byte order mark. Errors: `TASK_FILE_UNREADABLE`. */
export function decodeText(bytes: Uint8Array, file: string, encoding = 'utf-8'): string {
  const decode = createDecoder(encoding);
  if (!decode) throw unknownEncoding(encoding);
  let text;
  try {
    text = decode(bytes);
  } catch (cause) {
    throw undecodable(file, encoding, bytes, cause);
  }
  if (text.includes('\0')) throw binaryFile(file, encoding);
  return text;
}

export const unknownEncoding = (encoding: string) =>
  new PeftError('TASK_FILE_UNREADABLE', {
    found: `text encoding ${show(encoding)}`,
    expected: 'a label of the WHATWG Encoding standard',
    fix: 'use "utf-8", "utf-16le", "latin1", "windows-1252" or another of them',
  });

/** Bytes that are no text in this encoding: of another one, or of no text at all. */
export const undecodable = (file: string, encoding: string, bytes: Uint8Array | undefined, cause: unknown) =>
  bytes?.includes(0) ? binaryFile(file, encoding) : wrongEncoding(file, encoding, cause);

const wrongEncoding = (file: string, encoding: string, cause: unknown) =>
  new PeftError('TASK_FILE_UNREADABLE', {
    found: `${file}: bytes that are not ${encoding}`,
    fix: 'set the encoding of the file (in the command: --encoding), often "latin1" or "utf-16le", or convert it to UTF-8',
    cause,
  });

export const binaryFile = (file: string, encoding: string) =>
  new PeftError('TASK_FILE_UNREADABLE', {
    found: `${file}: zero bytes, which no text in ${encoding} has`,
    fix: 'set the encoding of the file (in the command: --encoding), often "utf-16le"; check that it is a text file',
  });
