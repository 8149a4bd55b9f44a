import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { createStreamDecoder } from './decode-bytes.js';
import { dataLimits } from './data-limits.js';
import { textAt } from './label-rows.js';
import { readTable, tableExtensions, type TableOptions } from './read-table.js';
import { binaryFile, findColumn, malformed, messageOf, undecodable, unknownEncoding } from './table.js';

/** A text without a label, or the two of a pair, and where it stands: a 1-based line, or a 0-based row of a file without lines. */
export interface PlacedText {
  readonly place: { readonly line: number } | { readonly row: number };
  readonly texts: readonly string[];
}

/** The columns of a table that hold the text. */
export interface TextColumns extends TableOptions {
  readonly textColumn: string;
  /** Second text of a pair. */
  readonly textPairColumn?: string;
}

/** Whether a file is a table by the ending of its name, and no text of one line each. */
export const isTableFile = (file: string): boolean =>
  tableExtensions.some((extension) => extension === extname(file).toLowerCase());

/** The texts of a table, rows with empty ones included. Errors: those of the readers, `TASK_COLUMN_MISSING`, `TASK_COLUMN_UNFIT`. */
export async function readTableTexts(file: string, columns: TextColumns): Promise<PlacedText[]> {
  const { textColumn, textPairColumn } = columns;
  const table = await readTable(file, columns);
  const positions = [textColumn, ...(textPairColumn === undefined ? [] : [textPairColumn])].map((name) =>
    findColumn(table, [name]),
  );
  return Array.from({ length: table.rowCount }, (_, row) => ({
    place: table.lines ? { line: table.lines[row]! } : { row },
    texts: positions.map((position) => textAt(table, row, position)),
  }));
}

/** Bytes of a text file, piece by piece. Errors: `TASK_FILE_MISSING`, `TASK_FILE_UNREADABLE`. */
export async function* readFilePieces(file: string): AsyncGenerator<Uint8Array> {
  try {
    const handle = await open(file);
    for await (const piece of handle.createReadStream()) yield piece as Uint8Array;
  } catch (cause) {
    const missing = (cause as { code?: unknown } | null)?.code === 'ENOENT';
    throw new PeftError(missing ? 'TASK_FILE_MISSING' : 'TASK_FILE_UNREADABLE', {
      found: missing ? `no file ${file}` : `${file}: ${messageOf(cause)}`,
      expected: 'a text file with one text a line, or a table',
      fix: 'check the path',
      cause,
    });
  }
}

/**
 * The lines of a text as its bytes arrive, blank ones included: each time as many as the last piece completed. Memory is that of one
 * piece. Errors: `TASK_FILE_UNREADABLE` for bytes of another encoding, `TASK_FILE_MALFORMED` for a line without an end.
 */
export async function* readLines(
  pieces: AsyncIterable<Uint8Array>,
  source: string,
  encoding = 'utf-8',
): AsyncGenerator<readonly PlacedText[]> {
  const decode = createStreamDecoder(encoding);
  if (!decode) throw unknownEncoding(encoding);
  let done = 0;
  let rest = '';
  const here = () => (done === 0 ? source : `${source}, after line ${done}`);
  const take = (bytes?: Uint8Array): readonly PlacedText[] => {
    let text;
    try {
      text = decode(bytes);
    } catch (cause) {
      throw undecodable(here(), encoding, bytes, cause);
    }
    if (text.includes('\0')) throw binaryFile(here(), encoding);
    const lines = (rest + text).split('\n');
    rest = bytes ? lines.pop()! : '';
    if (!bytes && lines.at(-1) === '') lines.pop();
    if (rest.length > dataLimits.lineCharacters)
      throw malformed(
        source,
        `line ${done + lines.length + 1} has more than ${dataLimits.lineCharacters} characters`,
        'write one text a line',
      );
    return lines.map((line) => ({ place: { line: ++done }, texts: [line.endsWith('\r') ? line.slice(0, -1) : line] }));
  };
  for await (const piece of pieces) {
    const lines = take(piece);
    if (lines.length > 0) yield lines;
  }
  const last = take();
  if (last.length > 0) yield last;
}
