import { PeftError } from '@tfjs-peft/peft-core';
import { compilePattern, matchNames } from '@tfjs-peft/peft-core/authoring';
import { parseJsonStrict } from '@tfjs-peft/peft-core/files';
import { bytesOf, oneFile, type Reader, textOf, WrongValue } from '../reader.js';

const names = [
  '',
  'a',
  'aab',
  'query',
  'encoder.layer.0.attention.self.query',
  'encoder.layer.11.output.dense',
  'a b\nc',
  'é.x_1',
];
const shortNames = ['', 'a', 'b', 'ab', 'aab', 'q.0'];

/** What JavaScript makes of the pattern; null where it means something else there, is not allowed, or may take years. */
function reference(pattern: string): RegExp | null {
  if (pattern.length > 200 || (pattern.match(/[*+?{]/g) ?? []).length > 6) return null;
  const javascript = pattern.replaceAll('(?P<', '(?<');
  try {
    return new RegExp(`^(?:${javascript})$`);
  } catch {
    return null;
  }
}

export const patterns: Reader = {
  name: 'target-patterns',
  open: async () => ({
    seeds: [
      '.*\\.(query|value)$',
      'encoder\\.layer\\.(?:[0-9]|1[01])\\.attention\\.self\\.(query|key|value)',
      '^(?!.*(lm_head)).*(q|v)_proj$',
      '(a|b)*ab{1,3}\\b[^x-z]?',
      '(?P<part>\\w+)\\.\\d{2}(?=x)|\\S+?',
      '(a+)+b',
      '[\\]\\-a-c]{0,2}\\B.',
    ].map((text) => oneFile(text)),
    words: [
      '(?=',
      '(?!',
      '(?:',
      '(?P<n>',
      '(?<=',
      ')*',
      ')+',
      '){2,9}',
      '{1000}',
      '{0}',
      '|',
      '.*',
      '[^a]',
      '\\b',
      '\\1',
      '$',
      '^',
      '*?',
      '(?i)',
    ],
    read(files) {
      const pattern = textOf(files);
      const matches = compilePattern(pattern);
      for (const name of names) matches(name);
      const expected = reference(pattern);
      if (!expected) return;
      for (const name of shortNames)
        if (matches(name) !== expected.test(name)) throw new WrongValue(`other than RegExp on "${name}"`);
    },
  }),
};

/** Lists of names, and `rank_pattern` keys: many at once. */
export const targetLists: Reader = {
  name: 'target-lists',
  open: async () => ({
    seeds: [
      oneFile(JSON.stringify(['query', 'attention.self.value', 'encoder.layer.0.output.dense'])),
      oneFile(JSON.stringify('.*(query|value)')),
    ],
    words: ['query', '.*', '(?=a)b', '.', 'layer.0'],
    read(files) {
      const value = parseJsonStrict(bytesOf(files), 'targets');
      const usable =
        typeof value === 'string' || (Array.isArray(value) && value.every((entry) => typeof entry === 'string'));
      // What a method's schema has seen to before.
      if (!usable) throw new PeftError('CONFIG_INVALID', { found: 'targets that are no text and no list of texts' });
      const matches = matchNames(value as string | string[]);
      for (const name of names) {
        const expected = Array.isArray(value) && value.some((end) => name === end || name.endsWith(`.${String(end)}`));
        if (Array.isArray(value) && matches(name) !== expected)
          throw new WrongValue(`other than the ends of names on "${name}"`);
        matches(name);
      }
    },
  }),
};
