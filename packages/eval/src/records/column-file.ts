import { PeftError } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';

// Writers that were compared: hyparquet-writer has no dependency but hyparquet, which reads Parquet here already. @dsnp/parquetjs brings the client
// of a cloud's storage, parquet-wasm a megabyte of WebAssembly, apache-arrow writes no Parquet.

/** Columns of one table. `INT32` takes whole numbers, `FLOAT` rounds to single precision. */
export interface Column {
  readonly name: string;
  readonly type: 'STRING' | 'INT32' | 'FLOAT' | 'DOUBLE' | 'BOOLEAN';
  readonly data: readonly (string | number | boolean)[] | Float32Array | Int32Array;
}

/** A table with what is to be known of all its rows; plain data. */
export interface ColumnTable {
  readonly provenance: JsonObject;
  readonly columns: readonly Column[];
}

/** Key of the metadata of a Parquet file that holds the provenance as JSON. */
export const provenanceKey = 'tfjs-peft';

/** Writes a table as a Parquet file (Snappy). Errors: `COLUMNS_UNEVEN`, `OUTPUT_UNWRITABLE`, `DISK_FULL`. */
export async function writeColumns(path: string, { provenance, columns }: ColumnTable): Promise<void> {
  const lengths = new Set(columns.map(({ data }) => data.length));
  if (lengths.size > 1)
    throw new PeftError('COLUMNS_UNEVEN', {
      found: `columns of ${[...lengths].join(' and ')} rows`,
      expected: 'one length',
    });
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const buffer = parquetWriteBuffer({
    // The library takes an array of its own kind for plain data.
    columnData: columns.map(({ name, type, data }) => ({ name, type, data: [...data] })),
    kvMetadata: [{ key: provenanceKey, value: JSON.stringify(provenance) }],
  });
  await writeFileAtomically(path, new Uint8Array(buffer));
}
