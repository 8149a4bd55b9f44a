import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { collectInputs } from './collect-inputs.js';
import { formatPredictions } from './predict.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'predict-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const input = (text: string | null) => ({ input: () => (text === null ? null : Readable.from([Buffer.from(text)])) });
/** Texts, with their line where they have one. */
async function collect(texts: readonly string[], options: Parameters<typeof collectInputs>[1], stdin: string | null) {
  const all: unknown[] = [];
  for await (const batch of await collectInputs(texts, options, input(stdin)))
    for (const { place, text } of batch) all.push(place && 'line' in place ? `${place.line}: ${String(text)}` : text);
  return all;
}
const usage = { code: 'USAGE' };

describe('collectInputs', () => {
  it('takes texts from the arguments', async () => {
    expect(await collect(['a', 'b'], {}, 'not read')).toEqual(['a', 'b']);
    expect(await collect(['a', 'b', 'c', 'd'], { pair: true }, null)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });
  it('reads lines from standard input or a file, with their numbers, blank ones without a text', async () => {
    expect(await collect([], {}, 'one\r\n\ntwo\n')).toEqual(['1: one', '2: null', '3: two']);
    expect(await collect([], { pair: true }, 'a\tb\n')).toEqual(['1: a,b']);
    const file = join(folder, 'texts.txt');
    await writeFile(file, 'x\ny');
    expect(await collect([], { file }, 'not read')).toEqual(['1: x', '2: y']);
    await writeFile(file, 'caf\xe9', 'latin1');
    expect(await collect([], { file, encoding: 'latin1' }, null)).toEqual(['1: café']);
  });
  it('reads tables by the columns that are named', async () => {
    const file = join(folder, 'mail.csv');
    await writeFile(file, 'text,label\n"soup, salt and ""bread""",food\n,x\n"two line\nfield",tech\n');
    expect(await collect([], { file, textColumn: 'text' }, null)).toEqual([
      '2: soup, salt and "bread"',
      '3: null',
      '4: two line\nfield',
    ]);
    await writeFile(file, 'a;b\nc;d\n');
    const both = { file, textColumn: 'x', textPairColumn: 'y', columnNames: ['x', 'y'], delimiter: ';' };
    expect(await collect([], both, null)).toEqual(['1: a,b', '2: c,d']);
  });
  it('gives a few texts first and keeps none', async () => {
    let read = 0;
    async function* many() {
      for (; read < 100; read++) yield await Promise.resolve(Buffer.from('line\n'.repeat(2000)));
    }
    const batches = await collectInputs([], {}, { input: many });
    const sizes: number[] = [];
    for await (const batch of batches) {
      if (sizes.length === 0) expect(read).toBeLessThan(2);
      sizes.push(batch.length);
    }
    expect(sizes[0]).toBe(32);
    expect(Math.max(...sizes)).toBe(512);
    expect(sizes.reduce((a, b) => a + b)).toBe(200_000);
  });
  it.each<[string[], Parameters<typeof collectInputs>[1], string | null, string]>([
    [[], {}, null, 'no text to classify'],
    [[], {}, '\n \n', 'holds no text'],
    [['a'], { file: 'b' }, null, 'both texts and --file'],
    [['a', 'b', 'c'], { pair: true }, null, '3 texts with --pair'],
    [[], { pair: true }, 'a\tb\n\nc\n', 'line 3 has 1 column'],
    [[], { file: 'x.csv' }, null, 'which column holds the text'],
    [[], { file: 'x.parquet', textColumn: 'a', pair: true }, null, '--text-pair-column'],
    [[], { file: 'x.txt', textColumn: 'a' }, null, '--text-column without a table'],
    [[], { delimiter: ';' }, 'a', '--delimiter without a table'],
    [['a'], { encoding: 'latin1' }, null, '--encoding with texts'],
  ])('refuses %j with %j', async (texts, options, stdin, found) => {
    const error: unknown = await collect(texts, options, stdin).catch((caught: unknown) => caught);
    expect(error).toMatchObject(usage);
    expect(String(error)).toContain(found);
  });
  it('names a file that is not there, or in another encoding', async () => {
    await expect(collectInputs([], { file: join(folder, 'none') }, input(null))).rejects.toMatchObject({
      code: 'TASK_FILE_MISSING',
    });
    const file = join(folder, 'latin1.txt');
    await writeFile(file, 'caf\xe9 recipe\n', 'latin1');
    const error: unknown = await collectInputs([], { file }, input(null)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'TASK_FILE_UNREADABLE' });
    expect(String(error)).toContain('--encoding');
  });
});

describe('formatPredictions', () => {
  it('aligns label, probability and text, and lets no control character through', () => {
    const rows = [
      { text: 'You have won', label: 'spam', probability: 0.9876, probabilities: {} },
      { text: 'a \u001b[2J b', label: 'legitimate', probability: 0.5, probabilities: {} },
      { text: ['one', 'two'] as const, label: 'spam', probability: 1, probabilities: {} },
    ];
    expect(formatPredictions(rows)).toBe(
      'spam        0.988  You have won\nlegitimate  0.500  a  [2J b\nspam        1.000  one\ttwo\n',
    );
  });
  it('takes any number of rows', () => {
    const row = { text: 't', label: 'spam', probability: 1, probabilities: {} };
    expect(formatPredictions(Array.from({ length: 130_000 }, () => row))).toHaveLength(130_000 * 15);
  });
  it('shows a score alone', () => {
    expect(formatPredictions([{ text: 't', label: '3.142', probability: 1, probabilities: {}, score: 3.14159 }])).toBe(
      '3.142  t\n',
    );
  });
});
