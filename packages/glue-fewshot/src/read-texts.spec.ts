import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { errorOf } from '../test/error-of.js';
import { parquet, temporaryFolders } from '../test/temporary-folder.js';
import { dataLimits } from './data-limits.js';
import { readFilePieces, readLines, readTableTexts } from './read-texts.js';

const folder = temporaryFolders();
async function* pieces(...parts: readonly (string | Uint8Array)[]) {
  for (const part of parts) yield await Promise.resolve(typeof part === 'string' ? Buffer.from(part) : part);
}
const groups = async (parts: readonly (string | Uint8Array)[], encoding?: string) => {
  const all = [];
  for await (const group of readLines(pieces(...parts), 'input', encoding))
    all.push(group.map(({ place, texts }) => `${'line' in place ? place.line : '?'}:${texts[0]}`));
  return all;
};

describe('readLines', () => {
  it('gives lines as they are complete, with their numbers, blank ones too', async () => {
    expect(await groups(['one\r\n\nth', 'ree\nfo', 'ur'])).toEqual([['1:one', '2:'], ['3:three'], ['4:four']]);
    expect(await groups(['a\n'])).toEqual([['1:a']]);
    expect(await groups([''])).toEqual([]);
  });

  it('decodes characters that two pieces share, and drops a byte order mark', async () => {
    const bytes = Buffer.from('\ufeffcafé\nthé\n');
    expect(await groups([bytes.subarray(0, 7), bytes.subarray(7)])).toEqual([['1:café', '2:thé']]);
    expect(await groups([Buffer.from('\ufeffé\nx', 'utf16le')], 'utf-16le')).toEqual([['1:é'], ['2:x']]);
    expect(await groups([Uint8Array.of(0x80, 10)], 'latin1')).toEqual([['1:€']]);
  });

  it('refuses bytes of another encoding, with the place and the option', async () => {
    for (const [bytes, found] of [
      [Buffer.from('ok\ncaf\xe9 x\n', 'latin1'), /input: bytes that are not utf-8.*--encoding/],
      [Buffer.from('\ufeffab', 'utf16le'), /zero bytes.*--encoding/],
      [Buffer.from('ab', 'utf16le'), /zero bytes.*--encoding/],
    ] as const) {
      const error = await errorOf(() => groups([bytes]));
      expect([error.code, error.message]).toEqual(['TASK_FILE_UNREADABLE', expect.stringMatching(found)]);
    }
    expect((await errorOf(() => groups(['x'], 'no-such'))).message).toContain('text encoding "no-such"');
    // An unfinished character at the end.
    expect((await errorOf(() => groups([Uint8Array.of(97, 0xc3)]))).code).toBe('TASK_FILE_UNREADABLE');
  });

  it('bounds a line', async () => {
    const error = await errorOf(() => groups(['a\n', 'x'.repeat(dataLimits.lineCharacters + 1)]));
    expect(error.message).toMatch(/line 2 has more than 1000000 characters/);
  });
});

describe('readFilePieces', () => {
  it('names what is not there or no file', async () => {
    const read = async (file: string) => {
      for await (const piece of readFilePieces(file)) void piece;
    };
    expect((await errorOf(() => read('/no/such.txt'))).code).toBe('TASK_FILE_MISSING');
    expect((await errorOf(async () => read(await folder({ 'a/b': '' })))).code).toBe('TASK_FILE_UNREADABLE');
  });
});

describe('readTableTexts', () => {
  it('gives texts, pairs and places', async () => {
    const path = await folder({
      'a.csv': 'x,y\n"two\nlines",b\n,d\n',
      'b.parquet': parquet(['x', 'STRING', ['one', 'two']]),
    });
    expect(await readTableTexts(join(path, 'a.csv'), { textColumn: 'x', textPairColumn: 'y' })).toEqual([
      { place: { line: 2 }, texts: ['two\nlines', 'b'] },
      { place: { line: 4 }, texts: ['', 'd'] },
    ]);
    expect(await readTableTexts(join(path, 'b.parquet'), { textColumn: 'x' })).toEqual([
      { place: { row: 0 }, texts: ['one'] },
      { place: { row: 1 }, texts: ['two'] },
    ]);
    expect((await errorOf(() => readTableTexts(join(path, 'a.csv'), { textColumn: 'z' }))).message).toMatch(/"x", "y"/);
  });
});
