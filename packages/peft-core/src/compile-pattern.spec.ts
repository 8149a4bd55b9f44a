import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { peftErrorOf } from '../test/bad-files.js';
import { compilePattern } from './compile-pattern.js';
import { createPatternWork } from './pattern-work.js';

const whole = (pattern: string) => {
  const expression = new RegExp(`^(?:${pattern})$`);
  return (text: string) => expression.test(text);
};
const path = 'bert.encoder.layer.11.attention.self.query';

/** Patterns of an alphabet small enough for texts to match by chance. */
const { pattern: patterns } = fc.letrec<{ pattern: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('a', 'b', '\\.', '.', '[ab]', '[^a]', '\\w', '\\d', '\\b'),
    tie('pattern').map((inner) => `(${inner})`),
    tie('pattern').map((inner) => `(?:${inner})`),
    tie('pattern').map((inner) => `(?!${inner})`),
    tie('pattern').map((inner) => `(?=${inner})`),
  ),
  pattern: fc.oneof(
    { depthSize: 'small' },
    fc
      .array(fc.tuple(tie('atom'), fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,2}', '{1,}', '*?')), {
        maxLength: 3,
      })
      .map((list) => list.map(([atom, times]) => (/^\\b$|^\(\?[!=]/.test(atom) ? atom : atom + times)).join('')),
    fc.tuple(tie('pattern'), tie('pattern')).map((parts) => parts.join('|')),
  ),
}));

describe('compilePattern', () => {
  it('matches what RegExp matches', () => {
    fc.assert(
      fc.property(
        patterns,
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '.', '1'), maxLength: 5 }), { minLength: 5 }),
        (pattern, texts) => {
          const mine = compilePattern(pattern);
          const theirs = whole(pattern);
          for (const text of texts) expect([pattern, text, mine(text)]).toEqual([pattern, text, theirs(text)]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each(['a{0,65536}', 'a{12345}', 'ba{,3}', `a{1,${'3'.repeat(200)}}`])(
    'refuses the repeat of %s, which would be read as plain text',
    async (pattern) => {
      expect((await peftErrorOf(() => compilePattern(pattern))).code).toBe('TARGET_PATTERN_INVALID');
    },
  );

  it.each([
    '.*query',
    '.*\\.(query|value)',
    '^bert\\.encoder\\.layer\\.(1[01]|[2-9])\\..*self.*$',
    '(?!.*pooler).*\\.(?:query|key)',
    '.*layer\\.[\\d]{1,}\\.(?:attention|output)\\.\\w+\\.\\bquery\\b',
    '(?P<part>bert|roberta)\\..*',
  ])('understands %s', (pattern) => {
    const expected = whole(pattern.replace('(?P<', '(?<'));
    for (const text of [path, 'bert.pooler.dense', 'query', '', path.replace('11', '1')])
      expect([text, compilePattern(pattern)(text)]).toEqual([text, expected(text)]);
  });

  it.each([
    ['nested repeats', '(.*)*x'],
    ['overlapping alternatives', '(?:\\w|\\w|\\.)*x'],
    ['many repeats in a row', `${'.*'.repeat(40)}x`],
    ['many options in a row', `${'.?'.repeat(60)}x`],
    ['look-aheads in each other', `${'(?=.*'.repeat(30)}x${')'.repeat(30)}`],
    ['repeats in a look-ahead', '(?=(.*)*x)(.*)*'],
  ])('is not stopped by %s', (_, pattern) => {
    // RegExp would not come back from these in a lifetime.
    expect(compilePattern(pattern)(path)).toBe(false);
  });

  it('takes time by the length of text and pattern with look-ahead too', () => {
    // From every place of a long text, and in each other: the square and the cube of these would be minutes.
    const text = 'ab'.repeat(1500);
    const work = createPatternWork('a test', 3e6);
    expect(compilePattern('(?:(?=.*x).|(?=.*y).|a|b)*z', work)(text)).toBe(false);
    expect(compilePattern('(?:(?!(?=.*x).*y)[ab])*', work)(text)).toBe(true);
  });

  it('ends where all patterns of an entry together cost too much', async () => {
    const work = createPatternWork('rankPattern', 1e4);
    const costly = Array.from({ length: 100 }, (_, i) => compilePattern(`(?:.?.?.?.?.?)*${i}`, work));
    const error = await peftErrorOf(() => costly.some((matches) => matches(path)));
    expect(error.code).toBe('TARGET_PATTERNS_TOO_COSTLY');
    expect(error.message).toContain('rankPattern');
  });

  it('refuses patterns that grow beyond measure', async () => {
    for (const pattern of ['((.{1000}){1000}){1000}', 'a'.repeat(5000), '((?!a{900})){900}', '(((){999}){999}){999}'])
      expect((await peftErrorOf(() => compilePattern(pattern))).code).toBe('TARGET_PATTERN_TOO_LARGE');
  });

  it.each([
    '(',
    ')',
    'a)',
    '[',
    '[]',
    '*',
    'a**',
    'a{2}{3}',
    'a{3,2}',
    '\\',
    '\\1',
    '\\p',
    '(?<=a)b',
    '(?i)a',
    '[b-a]',
    '^*',
    '('.repeat(40),
  ])('refuses %s', async (pattern) => {
    const error = await peftErrorOf(() => compilePattern(pattern));
    expect(error.code).toBe('TARGET_PATTERN_INVALID');
    expect(error.message).toContain('at place');
  });

  it('says what is wrong in few words, however long the pattern', async () => {
    const error = await peftErrorOf(() => compilePattern(`${'a'.repeat(1e5)}(`));
    expect(error.message.length).toBeLessThan(500);
  });
});
