import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { type Cell, checkColumns, emptyFile, messageOf, type Table } from './table.js';

/**
 * Parses a Parquet file with flat columns (Snappy or uncompressed, as the Hub writes them). 64-bit integers arrive as BigInt.
 * Errors: `TASK_FILE_UNREADABLE`, `TASK_FILE_MALFORMED`.
 */
export async function parseParquet(bytes: Uint8Array, file: string): Promise<Table> {
  // Loaded when first needed: the library is ESM-only, and few users have Parquet files.
  const { parquetMetadata, parquetRead, parquetSchema } = await import('hyparquet');
  // A copy of its own: a Node buffer may be a window on a larger pool.
  const buffer = new Uint8Array(bytes).buffer;
  try {
    const metadata = parquetMetadata(buffer);
    const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
    let rows: Cell[][] = [];
    await parquetRead({ file: buffer, metadata, columns, onComplete: (all) => (rows = all as Cell[][]) });
    if (rows.length === 0) throw emptyFile(file);
    return { file, columns: checkColumns(file, columns), rows };
  } catch (cause) {
    if (isPeftError(cause)) throw cause;
    throw new PeftError('TASK_FILE_UNREADABLE', {
      found: `${file}: ${messageOf(cause)}`,
      expected: 'a complete Parquet file, Snappy-compressed or uncompressed',
      fix: 'fetch or write the file again; a pointer file of Git LFS must be replaced by its content',
      cause,
    });
  }
}

/** Puts the shards of one set together. Errors: `TASK_FILE_MALFORMED` where their columns differ. */
export function joinTables(tables: readonly Table[]): Table {
  const [first, ...rest] = tables as [Table, ...Table[]];
  for (const { file, columns } of rest)
    if (columns.join('\t') !== first.columns.join('\t'))
      throw new PeftError('TASK_FILE_MALFORMED', {
        found: `${file}: columns ${columns.join(', ')}`,
        expected: `the columns of its first shard ${first.file}: ${first.columns.join(', ')}`,
        fix: 'fetch all shards from the same revision',
      });
  return { ...first, rows: tables.flatMap(({ rows }) => rows) };
}
