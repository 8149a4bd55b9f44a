import { describe, expect, it } from '@jest/globals';
import type { Json, JsonObject } from '@tfjs-peft/peft-core/files';
import { createTokenizer } from './create-tokenizer.js';

/** What HF's tokenizers do with these, worked out by hand from its sources; ids are places in this list. */
const vocabulary = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  'hello',
  'Hello',
  'cafe',
  'café',
  'a',
  'b',
  'x',
  'xx',
  '日',
  '本',
  '日本',
  '-',
  '19',
  'covid',
  ' ',
  'ab',
];
const id = (piece: string) => vocabulary.indexOf(piece);
const json = (changes: JsonObject = {}): JsonObject => ({
  added_tokens: vocabulary
    .slice(0, 4)
    .map((content, index) => ({ id: index, content, normalized: false, special: true })),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: null,
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  ...changes,
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    vocab: Object.fromEntries(vocabulary.map((token, index) => [token, index])),
  },
});
async function pieces(text: string, changes: JsonObject = {}, tokenizerConfig: Json = {}): Promise<string[]> {
  const { encode } = await createTokenizer({ tokenizerJson: json(changes), tokenizerConfig });
  const added = (changes.added_tokens ?? []) as unknown as readonly { id: number; content: string }[];
  const name = (token: number) => vocabulary[token] ?? added.find((entry) => entry.id === token)?.content ?? '?';
  return encode(text, { maxTokens: Infinity }).inputIds.map(name);
}
const withToken = (token: JsonObject): JsonObject => ({
  added_tokens: [...(json().added_tokens as Json[]), { id: 20, special: false, ...token }],
});

describe('settings of tokenizer_config.json', () => {
  it('win over those of tokenizer.json', async () => {
    expect(await pieces('Hello Café')).toEqual(['hello', 'cafe']);
    expect(await pieces('Hello café', {}, { do_lower_case: false })).toEqual(['Hello', 'café']);
    expect(await pieces('Hello café', {}, { strip_accents: false })).toEqual(['hello', 'café']);
    expect(await pieces('Hello café', {}, { do_lower_case: false, strip_accents: true })).toEqual(['Hello', 'cafe']);
    expect(await pieces('日本')).toEqual(['日', '本']);
    expect(await pieces('日本', {}, { tokenize_chinese_chars: false })).toEqual(['日本']);
  });

  it('do not count for classes that take tokenizer.json as it is', async () => {
    for (const tokenizer_class of ['PreTrainedTokenizerFast', 'TokenizersBackend'])
      expect(await pieces('Hello', {}, { do_lower_case: false, tokenizer_class })).toEqual(['hello']);
  });
});

describe('added tokens', () => {
  it('that are normalised are found in normalised text', async () => {
    const changes = withToken({ content: 'COVID-19', normalized: true });
    expect(await pieces('covid-19 Covid-19 COVID-19', changes)).toEqual(['COVID-19', 'COVID-19', 'COVID-19']);
    expect(await pieces('covid-19 COVID-19', withToken({ content: 'COVID-19', normalized: false }))).toEqual([
      'covid',
      '-',
      '19',
      'COVID-19',
    ]);
  });

  it('of a single word are not found inside words', async () => {
    const changes = withToken({ content: 'x', normalized: false, single_word: true });
    expect(await pieces('xx x-x', changes)).toEqual(['xx', 'x', '-', 'x']);
    expect(await pieces('a x éx', changes)).toEqual(['a', 'x', '[UNK]']);
  });

  it('take the spaces that they strip, and the longest of several', async () => {
    const strip = withToken({ content: 'zz', normalized: false, lstrip: true, rstrip: true });
    const changes = { ...strip, normalizer: null, pre_tokenizer: null };
    expect(await pieces('a zz b', changes)).toEqual(['a', 'zz', 'b']);
    expect(await pieces('zz b', { ...changes, ...withToken({ content: 'zz', normalized: false }) })).toEqual([
      'zz',
      '[UNK]',
    ]);
    const two = {
      added_tokens: [...(strip.added_tokens as Json[]), { id: 21, content: 'zzz', normalized: false, special: false }],
    };
    expect(await pieces('zzz zz', two)).toEqual(['zzz', 'zz']);
  });
});

describe('splits', () => {
  const split = (behavior: string, more: JsonObject = {}) =>
    pieces('a-b', { normalizer: null, pre_tokenizer: { type: 'Split', pattern: { String: '-' }, behavior, ...more } });

  it('keep, drop or join what they cut at', async () => {
    expect(await split('Isolated')).toEqual(['a', '-', 'b']);
    expect(await split('Removed')).toEqual(['a', 'b']);
    expect(await split('MergedWithPrevious')).toEqual(['[UNK]', 'b']);
    expect(await split('MergedWithNext')).toEqual(['a', '[UNK]']);
    expect(await split('Contiguous')).toEqual(['a', '-', 'b']);
    expect(await split('Removed', { invert: true })).toEqual(['-']);
  });

  it('and replacements take their text as it is', async () => {
    const replace = { type: 'Replace', pattern: { Regex: '[xy]+' }, content: '$&' };
    expect(await pieces('ax', { normalizer: replace, pre_tokenizer: null })).toEqual(['[UNK]']);
    expect(await pieces('axb', { normalizer: { ...replace, content: '' }, pre_tokenizer: null })).toEqual(['ab']);
  });
});

describe('the digest of a tokenizer', () => {
  const digest = async (changes: JsonObject = {}, tokenizerConfig: Json = {}) =>
    (await createTokenizer({ tokenizerJson: json(changes), tokenizerConfig })).digest;

  it('depends on what decides ids, and on nothing else', async () => {
    const plain = await digest();
    expect(plain).toMatch(/^[0-9a-f]{64}$/);
    expect(await digest({ truncation: { max_length: 4 }, padding: { pad_token: '[PAD]' }, version: '9' })).toBe(plain);
    expect(await digest({}, { do_lower_case: true, model_max_length: 5 })).toBe(plain);
    expect(await digest({}, { do_lower_case: false })).not.toBe(plain);
    expect(await digest(withToken({ content: 'zz' }))).not.toBe(plain);
    expect(await digest({ pre_tokenizer: null })).not.toBe(plain);
    expect(id('hello')).toBe(4);
  });
});
