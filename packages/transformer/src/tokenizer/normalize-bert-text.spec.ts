import { describe, expect, it } from '@jest/globals';
import { normalizeBertText } from './normalize-bert-text.js';

const uncased = { clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true };

describe('normalizeBertText', () => {
  it.each([
    ['Hello, World', 'hello, world'],
    ['É É', 'e e'],
    ['a\0\ufffd\u200b\ue000\ud800b', 'ab'],
    ['a\t\n\r\u00a0\u3000b', 'a     b'],
    ['a\u000b\u0085b', 'ab'],
    ['中\u{20000}', ' 中  \u{20000} '],
    ['한かカ', '한かカ'.normalize('NFD').replace(/\p{Mn}/gu, '')],
    ['ΟΔΟΣ', 'οδοσ'],
    ['शि', 'शि'],
    ['שָׁ', 'ש'],
    ['\u{378}\u{1fae9}', '\u{378}\u{1fae9}'],
  ])('%j becomes %j', (text, expected) => {
    expect(normalizeBertText(text, uncased)).toBe(expected);
  });

  it('follows its configuration', () => {
    expect(normalizeBertText('Éa', { ...uncased, lowercase: false })).toBe('Éa');
    expect(normalizeBertText('Ab', { ...uncased, lowercase: false })).toBe('Ab');
    expect(normalizeBertText('Éa', { ...uncased, strip_accents: false })).toBe('éa');
    expect(normalizeBertText('É', { lowercase: false, strip_accents: true })).toBe('E');
    expect(normalizeBertText('中é\0', { lowercase: false })).toBe('中é\0');
  });
});
