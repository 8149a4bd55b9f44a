import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { collectInputs, formatPredictions } from './predict.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'predict-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const input = (text: string | null) => ({ readInput: () => Promise.resolve(text) });
const usage = { code: 'USAGE' };

describe('collectInputs', () => {
  it('takes texts from the arguments', async () => {
    expect(await collectInputs(['a', 'b'], {}, input('not read'))).toEqual(['a', 'b']);
    expect(await collectInputs(['a', 'b', 'c', 'd'], { pair: true }, input(null))).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });
  it('reads lines from standard input or a file, without empty ones', async () => {
    expect(await collectInputs([], {}, input('one\r\n\ntwo\n'))).toEqual(['one', 'two']);
    expect(await collectInputs([], { pair: true }, input('a\tb\n'))).toEqual([['a', 'b']]);
    const file = join(folder, 'texts.txt');
    await writeFile(file, 'x\ny');
    expect(await collectInputs([], { file }, input('not read'))).toEqual(['x', 'y']);
  });
  it.each([
    [[], {}, null, 'no text to classify'],
    [[], {}, '\n \n', 'holds no text'],
    [['a'], { file: 'b' }, null, 'both texts and --file'],
    [['a', 'b', 'c'], { pair: true }, null, '3 texts with --pair'],
    [[], { pair: true }, 'a\tb\nc\n', 'line 2 has 1 column'],
  ])('refuses %j with %j', async (texts, options, stdin, found) => {
    const error: unknown = await collectInputs(texts, options, input(stdin)).catch((caught: unknown) => caught);
    expect(error).toMatchObject(usage);
    expect(String(error)).toContain(found);
  });
  it('names a file that is not there', async () => {
    await expect(collectInputs([], { file: join(folder, 'none') }, input(null))).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
    });
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
  it('shows a score alone', () => {
    expect(formatPredictions([{ text: 't', label: '3.142', probability: 1, probabilities: {}, score: 3.14159 }])).toBe(
      '3.142  t\n',
    );
  });
});
