import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from '@jest/globals';
import { parquetWriteBuffer } from 'hyparquet-writer';

/** Makes folders from `{ 'SST-2/train.tsv': 'sentence\tlabel\n…' }`; they are removed after the tests of the file. */
export function temporaryFolders(): (files: Readonly<Record<string, string | Uint8Array>>) => Promise<string> {
  const made: string[] = [];
  afterAll(() => Promise.all(made.map((folder) => rm(folder, { recursive: true }))));
  return async (files) => {
    const folder = await mkdtemp(join(tmpdir(), 'glue-fewshot-'));
    made.push(folder);
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), content);
    }
    return folder;
  };
}

type Column = readonly [
  name: string,
  type: 'STRING' | 'INT64' | 'INT32' | 'DOUBLE' | 'FLOAT' | 'BOOLEAN',
  data: readonly unknown[],
];

/** A Snappy Parquet file, as the Hub has them. */
export const parquet = (...columns: readonly Column[]): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: columns.map(([name, type, data]) => ({ name, type, data: [...data], nullable: true })),
    }),
  );
