import { parse } from 'csv-parse/sync';
import { checkColumns, emptyFile, malformed, messageOf, type Table, tableOf } from './table.js';

export interface CsvOptions {
  /** One character; a comma by default. */
  readonly delimiter?: string;
  /** Column names of a file without a header line. */
  readonly columnNames?: readonly string[];
}

interface Parsed {
  readonly record: string[];
  readonly info: { readonly lines: number };
}

/** Parses quoted delimited text (RFC 4180). Errors: `TASK_FILE_MALFORMED`, naming the line. */
export function parseCsv(text: string, file: string, { delimiter = ',', columnNames }: CsvOptions = {}): Table {
  const records = parseRecords(text, file, delimiter);
  const header = columnNames ?? records.shift()?.record;
  if (header === undefined || records.length === 0) throw emptyFile(file);
  const columns = checkColumns(file, header);
  for (const { record, info } of records)
    if (record.length !== columns.length)
      throw malformed(
        file,
        `line ${info.lines} has ${record.length} fields where ${columns.length} are expected`,
        'put fields that contain the delimiter or a line break in double quotes',
      );
  return tableOf(
    file,
    columns,
    records.map(({ record }) => record),
    records.map(({ info }) => info.lines),
  );
}

function parseRecords(text: string, file: string, delimiter: string): Parsed[] {
  try {
    return parse(text, {
      bom: true,
      delimiter,
      info: true,
      skip_empty_lines: true,
      relax_column_count: true,
    }) as unknown as Parsed[];
  } catch (cause) {
    throw malformed(
      file,
      messageOf(cause),
      'write quotes inside a quoted field twice; for plain tab-separated text without quoting rename the file to .tsv',
      cause,
    );
  }
}
