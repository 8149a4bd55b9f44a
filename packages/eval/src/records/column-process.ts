/**
 * The process in which the records of trials are read: a path at a time, bytes in, columns out. A file from a stranger may make the library
 * loop without end or fill the memory, which would end any process it is read in; the parent starts another one then.
 */
import { parquetMetadata, parquetRead, parquetSchema } from 'hyparquet';

export interface ColumnQuestion {
  readonly bytes: Uint8Array;
  readonly provenanceKey: string;
}

export type ColumnAnswer =
  | { readonly names: readonly string[]; readonly values: readonly (readonly unknown[])[]; readonly provenance: string }
  | { readonly error: string };

/** Rows that a file may claim to have: the largest test set there is, many times over. */
const mostRows = 20_000_000;

async function read({ bytes, provenanceKey }: ColumnQuestion): Promise<ColumnAnswer> {
  try {
    const file = new Uint8Array(bytes).buffer;
    const metadata = parquetMetadata(file);
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    const rows = Number(metadata.num_rows);
    if (!(rows >= 0 && rows <= mostRows)) throw new Error(`it claims ${rows} rows`);
    const values = names.map((): unknown[] => []);
    await parquetRead({
      file,
      metadata,
      columns: names,
      onChunk: ({ columnName, columnData }) => {
        const column = values[names.indexOf(columnName)]!;
        for (const value of columnData as ArrayLike<unknown> & Iterable<unknown>) column.push(value);
      },
    });
    const provenance = metadata.key_value_metadata?.find(({ key }) => key === provenanceKey)?.value;
    if (provenance === undefined) throw new Error('it does not say where it comes from');
    if (values.some((column) => column.length !== rows)) throw new Error('its columns are not whole');
    return { names, values, provenance };
  } catch (error) {
    return { error: String((error as { message?: unknown } | null)?.message ?? error) };
  }
}

process.on('disconnect', () => process.exit(0));
process.on('message', (question: ColumnQuestion) => {
  void read(question).then((answer) => process.send?.(answer, undefined, undefined, () => undefined));
});
