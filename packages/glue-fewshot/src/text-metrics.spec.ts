import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { growthOfTime, linearGrowth } from '../../../tools/jest/growth-of-time.js';
import { addBleuCounts, bleu, bleuCounts, bleuOf } from './bleu.js';
import { distinct } from './distinct.js';
import { porterStem } from './porter-stem.js';
import { rouge, type RougeScores } from './rouge.js';
import { tokenise13a } from './tokenise-13a.js';

// Made by tools/parity/make_text_metric_goldens.py.
interface Golden {
  readonly rows: readonly {
    readonly text: string;
    readonly references: readonly string[];
    readonly rouge: RougeScores;
    readonly stemmed: RougeScores;
    readonly tokens: readonly string[];
  }[];
  readonly stems: Readonly<Record<string, string>>;
  readonly corpora: Readonly<
    Record<
      string,
      { readonly rows: readonly number[]; readonly lower: number } & Readonly<
        Record<(typeof smoothings)[number], number>
      >
    >
  >;
}
const smoothings = ['exp', 'floor', 'add-k', 'none'] as const;
const golden = JSON.parse(readFileSync(new URL('../goldens/text-metrics.json', import.meta.url), 'utf8')) as Golden;

describe('porterStem', () => {
  it('gives the stems of NLTK', () => {
    const words = Object.keys(golden.stems);
    expect(words.length).toBeGreaterThan(1000);
    expect(Object.fromEntries(words.map((word) => [word, porterStem(word)]))).toEqual(golden.stems);
  });
});

describe('porterStem of one long word', () => {
  it.each(['y', 'a'])('takes time that grows with its length: %s', async (letter) => {
    expect(porterStem('y'.repeat(20_000))).toHaveLength(20_000);
    const growth = await growthOfTime((size) => porterStem(`${letter.repeat(size)}eed`), 100_000);
    expect(growth).toBeLessThan(linearGrowth);
  });
});

describe('rouge', () => {
  it('is that of rouge-score, with and without stems', () => {
    for (const { text, references, rouge: plain, stemmed } of golden.rows) {
      const found = rouge(text, references);
      const withStems = rouge(text, references, { stem: true });
      for (const kind of ['rouge1', 'rouge2', 'rougeL'] as const) {
        expect(found[kind]).toBeCloseTo(plain[kind], 12);
        expect(withStems[kind]).toBeCloseTo(stemmed[kind], 12);
      }
    }
    expect(golden.rows.some(({ rouge: plain, stemmed }) => plain.rouge1 !== stemmed.rouge1)).toBe(true);
  });

  it('is 1 for the same text, and 0 without a reference', () => {
    expect(rouge('One two three.', ['one two three'])).toEqual({ rouge1: 1, rouge2: 1, rougeL: 1 });
    expect(rouge('one', [])).toEqual({ rouge1: 0, rouge2: 0, rougeL: 0 });
  });
});

describe('bleu', () => {
  it('has the tokens of sacrebleu', () => {
    for (const { text, tokens } of golden.rows) expect(tokenise13a(text)).toEqual(tokens);
  });

  it.each(Object.entries(golden.corpora))('is that of sacrebleu: %s', (_, { rows, lower, ...expected }) => {
    const texts = rows.map((row) => golden.rows[row]!);
    for (const smoothing of smoothings) expect(bleu(texts, { smoothing })).toBeCloseTo(expected[smoothing], 12);
    expect(bleu(texts, { lowerCase: true })).toBeCloseTo(lower, 12);
  });

  it('is a function of summed counts', () => {
    const counts = golden.rows.map(({ text, references }) => bleuCounts(text, references));
    expect(bleuOf(addBleuCounts(counts))).toBe(bleu(golden.rows));
    expect(bleuOf(addBleuCounts([...counts].reverse()))).toBe(bleu(golden.rows));
  });
});

describe('distinct', () => {
  it('counts over all texts', () => {
    expect(distinct(['I am here', 'i am there'], 1)).toBe(4 / 6);
    expect(distinct(['I am here', 'i am there'], 2)).toBe(3 / 4);
    expect(distinct(['one'], 2)).toBe(0);
    expect(distinct([], 1)).toBe(0);
  });
});
