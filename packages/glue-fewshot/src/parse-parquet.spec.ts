import { describe, expect, it } from '@jest/globals';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { errorOf } from '../test/error-of.js';
import { compressedRows, endlessDictionary, endlessLevels, zstdRows } from '../test/parquet-samples.js';
import { parseParquet } from './parse-parquet.js';

const write = (key: string, value: string) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'text', type: 'STRING', data: ['a', 'b'] },
        { name: 'label', type: 'INT64', data: [0n, 1n] },
      ],
      kvMetadata: [{ key, value }],
    }),
  );

describe('Parquet files from strangers', () => {
  it.each([
    ['runs of no levels', endlessLevels],
    ['runs of no values', endlessDictionary],
  ])('%s end with an error instead of never', async (_, bytes) => {
    const error = await errorOf(() => parseParquet(bytes, 'x.parquet', { milliseconds: 1500, megabytes: 256 }));
    expect([error.code, error.message]).toEqual([
      'TASK_FILE_UNREADABLE',
      expect.stringContaining('x.parquet: not read after 1.5 seconds'),
    ]);
  });

  it('leaves the memory of the reader to the reader', async () => {
    const data = Array.from({ length: 400_000 }, (_, i) => `text ${i}`);
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'text', type: 'STRING', data }] }));
    const error = await errorOf(() => parseParquet(bytes, 'x.parquet', { milliseconds: 60_000, megabytes: 16 }));
    expect([error.code, error.message]).toEqual([
      'TASK_FILE_UNREADABLE',
      expect.stringContaining('more than 16 MB of memory'),
    ]);
  });

  it('blames memory only where it is short', async () => {
    const node = process.execPath;
    // A program that ends with 1 and reads nothing.
    process.execPath = 'false';
    try {
      const limits = { milliseconds: 60_000, megabytes: 256 };
      const error = await errorOf(() => parseParquet(endlessLevels, 'x.parquet', limits));
      expect([error.code, error.message]).toEqual([
        'TASK_FILE_UNREADABLE',
        expect.stringContaining('the process that reads it ended with 1'),
      ]);
    } finally {
      process.execPath = node;
    }
  });

  it.each([['zstd', zstdRows] as const, ...compressedRows])('reads %s', async (_, bytes) => {
    const { columns, rowCount, cell } = await parseParquet(bytes, 'x.parquet');
    expect(columns).toEqual(['text', 'label']);
    expect(Array.from({ length: rowCount }, (_, row) => [cell(row, 0), cell(row, 1)])).toEqual(
      Array.from({ length: 24 }, (_, row) =>
        row % 2 === 1 ? [`good film number ${row}`, 'pos'] : [`bad film number ${row}`, 'neg'],
      ),
    );
  });

  it('takes the class names that datasets writes, and nothing else for them', async () => {
    const note = (label: unknown) => JSON.stringify({ info: { features: { text: { _type: 'Value' }, label } } });
    const names = { _type: 'ClassLabel', names: ['neg', 'pos'] };
    expect((await parseParquet(write('huggingface', note(names)), 'x.parquet')).classNames).toEqual(
      new Map([['label', ['neg', 'pos']]]),
    );
    for (const value of ['no json', 'null', note({ ...names, names: [1, 2] }), note({ ...names, names: 'ab' })])
      expect((await parseParquet(write('huggingface', value), 'x.parquet')).classNames).toBeUndefined();
  });
});
