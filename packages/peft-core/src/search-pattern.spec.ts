import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { growthOfTime, linearGrowth } from '../../../tools/jest/growth-of-time.js';
import { peftErrorOf } from '../test/bad-files.js';
import { compileSearch } from './search-pattern.js';

const theirs = (pattern: string, text: string) =>
  [...text.matchAll(new RegExp(pattern, 'gu'))]
    .map(({ index, 0: { length } }) => ({ start: index, end: index + length }))
    .filter(({ start, end }) => end > start);

const { pattern: patterns } = fc.letrec<{ pattern: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '[^a]',
      '\\p{L}',
      '\\s',
      '\\P{L}',
      '😀',
      '[😀a]',
      '(?:ab)',
      '(?:a|b )',
      '\\b',
      '^',
      '$',
    ),
    tie('pattern').map((inner) => `(${inner})`),
    tie('pattern').map((inner) => `(?:${inner})`),
    tie('pattern').map((inner) => `(?!${inner})`),
    tie('pattern').map((inner) => `(?=${inner})`),
  ),
  pattern: fc.oneof(
    { depthSize: 'small' },
    fc
      .array(fc.tuple(tie('atom'), fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,2}', '{1,}', '*?', '+?', '??')), {
        maxLength: 3,
      })
      .map((list) => list.map(([atom, times]) => (/^\\b$|^[$^]$|^\(\?[!=]/.test(atom) ? atom : atom + times)).join('')),
    fc.tuple(tie('pattern'), tie('pattern')).map((parts) => parts.join('|')),
  ),
}));

const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const llama3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

describe('compileSearch', () => {
  it('finds what matchAll finds', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ' ', '😀'), maxLength: 8 }), { minLength: 5 });
    fc.assert(
      fc.property(patterns, texts, (pattern, samples) => {
        // Loops over nothing end by a rule of their own there.
        fc.pre(!/\)[*+?{]/.test(pattern.replace(/\(\?:ab\)|\(\?:a\|b \)/g, 'x')));
        const find = compileSearch(pattern);
        for (const text of samples) expect([pattern, text, find(text)]).toEqual([pattern, text, theirs(pattern, text)]);
      }),
      { numRuns: 500 },
    );
  });

  it.each([gpt2, llama3.replace(/\(\?i:.*?\)/, "'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])")])(
    'splits as %s',
    (pattern) => {
      const text = "I'm  here\n\n  and They'LL pay 12345 €, naïve 日本語 😀😀  \t ";
      expect(compileSearch(pattern)(text)).toEqual(theirs(pattern, text));
    },
  );

  it('knows the groups and escapes of published tokenizers', () => {
    const pieces = (pattern: string, text: string) =>
      compileSearch(pattern)(text).map(({ start, end }) => text.slice(start, end));
    expect(pieces(llama3, "THEY'LL go")).toEqual(['THEY', "'LL", ' go']);
    expect(pieces('\\u3000|\\x{1F600}|\\n', 'a\u3000😀\n')).toEqual(['\u3000', '😀', '\n']);
    expect(pieces('[\\#\\-\\_]+', 'a#-_')).toEqual(['#-_']);
    expect(pieces(' {2,}', 'a  b   c d')).toEqual(['  ', '   ']);
  });

  it.each([
    ['(?:\\w+\\s?)+$', 'please send the minutes of the meeting ', 500],
    ['(a*)*b', 'a', 20000],
    ['a*a*a*b', 'a', 20000],
    ['(?=.*x)a', 'a', 20000],
    ['(?:a?){30}b', 'a', 5000],
  ])('takes time that grows with the text for %s', async (pattern, text, times) => {
    const search = compileSearch(pattern);
    const work = (times: number) => expect(search(`${text.repeat(times)}!`)).toEqual([]);
    expect(await growthOfTime(work, times)).toBeLessThan(linearGrowth);
  });

  it.each(['(?<=a)b', '(a)\\1', '(?m)a', '\\p{', '\\pQ', 'a++', '\\x{999999}', '\\K'])('refuses %s', async (pattern) =>
    expect((await peftErrorOf(() => compileSearch(pattern))).code).toBe('TARGET_PATTERN_INVALID'),
  );
});
