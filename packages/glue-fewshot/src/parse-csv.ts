import { parse } from '#csv-parse';
import { checkColumns, emptyFile, malformed, messageOf, type Table, tableOf } from './table.js';

export interface CsvOptions {
  /** One character; a comma by default. */
  readonly delimiter?: string;
  /** Column names of a file without a header line. */
  readonly columnNames?: readonly string[];
}

interface Row {
  readonly cells: readonly string[];
  /** Where it begins. */
  readonly line: number;
}

/** Parses quoted delimited text (RFC 4180). Errors: `TASK_FILE_MALFORMED`, naming the line. */
export function parseCsv(text: string, file: string, { delimiter = ',', columnNames }: CsvOptions = {}): Table {
  const records = parseRecords(text, file, delimiter);
  const header = columnNames ?? records.shift()?.cells;
  if (header === undefined || records.length === 0) throw emptyFile(file);
  const columns = checkColumns(file, header);
  for (const { cells, line } of records)
    if (cells.length !== columns.length)
      throw malformed(
        file,
        `line ${line} has ${cells.length} fields where ${columns.length} are expected`,
        'put fields that contain the delimiter or a line break in double quotes',
      );
  return tableOf(
    file,
    columns,
    records.map(({ cells }) => cells),
    records.map(({ line }) => line),
  );
}

/** The parser knows lines by where a record ends, and takes `\r\n` inside of quotes for two: here they are counted by what the cells hold. */
function parseRecords(text: string, file: string, delimiter: string): Row[] {
  const rows: Row[] = [];
  let next = 1;
  try {
    parse(text, {
      bom: true,
      delimiter,
      record_delimiter: lineEndsOf(text),
      skip_empty_lines: true,
      relax_column_count: true,
      on_record: (cells: string[], { empty_lines }) => {
        rows.push({ cells, line: next + empty_lines });
        next += cells.reduce((lines, cell) => lines + countBreaks(cell), 1);
        return null;
      },
    });
    return rows;
  } catch (cause) {
    const { empty_lines = 0 } = cause as { empty_lines?: number };
    throw malformed(
      file,
      `line ${next + empty_lines}: ${messageOf(cause).replace(/ at line \d+/, '')}`,
      'write quotes inside a quoted field twice; for plain tab-separated text without quoting rename the file to .tsv',
      cause,
    );
  }
}

/** What ends a line: in a file whose first one ends in `\n` or `\r\n`, either; else `\r`. Breaks in quotes end none. */
function lineEndsOf(text: string): string[] {
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    if (letter === '"') isQuoted = !isQuoted;
    if (isQuoted || (letter !== '\n' && letter !== '\r')) continue;
    return letter === '\r' && text[at + 1] !== '\n' ? ['\r'] : ['\r\n', '\n'];
  }
  return ['\r\n', '\n'];
}

/** Line breaks inside of a cell; a `\r` that ends one belongs to the end of its record. */
const countBreaks = (cell: string): number => cell.match(/\n|\r(?!\n|$)/g)?.length ?? 0;
