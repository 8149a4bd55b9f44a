import { describe, expect, it } from '@jest/globals';
import { isPeftError } from '@tfjs-peft/peft-core';
import type { Json, JsonObject } from '@tfjs-peft/peft-core/files';
import fc from 'fast-check';
import { existsSync, readFileSync } from 'node:fs';
import { growthOfTime, linearGrowth } from '../../../../tools/jest/growth-of-time.js';
import { tinyModel } from '../../test/tiny-model.js';
import { createTokenizer } from './create-tokenizer.js';

const tiny = () => JSON.parse(String(tinyModel()['tokenizer.json'])) as JsonObject;
const unlimited = { maxTokens: Infinity };
const codeOf = (json: Json) =>
  createTokenizer({ tokenizerJson: json }).then(
    () => 'no error',
    (error: { code?: string }) => error.code ?? String(error),
  );
const withModel = (changes: JsonObject) => ({ ...tiny(), model: { ...(tiny().model as JsonObject), ...changes } });
const bert = (cls: unknown, sep: unknown) =>
  ({ ...tiny(), post_processor: { type: 'BertProcessing', cls, sep } }) as Json;
const template = (entry: unknown, ids: unknown = [2]) =>
  ({
    ...tiny(),
    post_processor: {
      type: 'TemplateProcessing',
      single: [entry],
      pair: [entry],
      special_tokens: { '[CLS]': { ids } },
    },
  }) as Json;
const textTwice = template({ Sequence: { id: 'A', type_id: 0 } }) as JsonObject;
(textTwice.post_processor as { single: Json[] }).single.push({ Sequence: { id: 'A', type_id: 0 } });
const cls = { SpecialToken: { id: '[CLS]', type_id: 0 } };

describe('a tokenizer.json from a stranger', () => {
  it.each<[string, Json]>([
    ['an id null', bert(['[CLS]', null], ['[SEP]', 3])],
    ['an id as text', bert(['[CLS]', '3'], ['[SEP]', 3])],
    ['an id between two', bert(['[CLS]', 2.5], ['[SEP]', 3])],
    ['an id in a list', bert(['[CLS]', [2]], ['[SEP]', 3])],
    ['an id below zero', bert(['[CLS]', -1], ['[SEP]', 3])],
    ['a text twice in a template', textTwice],
    ['an id beyond the table', bert(['[CLS]', 8], ['[SEP]', 3])],
    ['ids of a template that are text', template(cls, ['2'])],
    ['ids of a template beyond the table', template(cls, [99])],
    ['a template of nulls', template(null)],
    ['a template of numbers', template(3)],
    ['a token type null', template({ SpecialToken: { id: '[CLS]', type_id: null } })],
    ['a third text', template({ Sequence: { id: 'C', type_id: 0 } })],
    ['a token from the prototype', template({ SpecialToken: { id: 'constructor', type_id: 0 } })],
    ['a post-processor that is text', { ...tiny(), post_processor: 'BertProcessing' }],
    ['processors that are no list', { ...tiny(), post_processor: { type: 'Sequence', processors: null } }],
    ['processors with null', { ...tiny(), post_processor: { type: 'Sequence', processors: [3] } }],
    ['added tokens with null', { ...tiny(), added_tokens: [null] }],
    ['added tokens that are no list', { ...tiny(), added_tokens: { id: 1 } }],
    ['an added token without content', { ...tiny(), added_tokens: [{ id: 1, content: '' }] }],
    ['an added token of a huge id', { ...tiny(), added_tokens: [{ id: 2 ** 40, content: 'x', special: true }] }],
    ['a normalizer that is a list', { ...tiny(), normalizer: [] }],
    ['normalizers with null', { ...tiny(), normalizer: { type: 'Sequence', normalizers: [null] } }],
    ['normalizers that are no list', { ...tiny(), normalizer: { type: 'Sequence', normalizers: 1 } }],
    ['a sequence of nothing', { ...tiny(), pre_tokenizer: { type: 'Sequence' } }],
    ['a replacement without a pattern', { ...tiny(), normalizer: { type: 'Replace', content: 'x' } }],
    ['a pattern null', { ...tiny(), pre_tokenizer: { type: 'Split', pattern: null } }],
    ['a pattern of both kinds', { ...tiny(), pre_tokenizer: { type: 'Split', pattern: { Regex: 'a', String: 'a' } } }],
    ['a decoder without a type', { ...tiny(), decoder: {} }],
    ['no vocabulary', withModel({ vocab: null })],
    ['a vocabulary that is a list', withModel({ vocab: ['a'] })],
    ['a piece with an id that is text', withModel({ vocab: { '[UNK]': '1' } })],
    ['a piece with a huge id', withModel({ vocab: { '[UNK]': 1, a: 2 ** 31 } })],
    ['an unknown token that is not there', withModel({ unk_token: '[GONE]' })],
    ['no unknown token', withModel({ unk_token: null })],
    ['words of any length', withModel({ max_input_chars_per_word: 1e9 })],
    ['merges that are none', withModel({ type: 'BPE', merges: [1] })],
    ['merges null', withModel({ type: 'BPE', merges: null })],
    ['pieces that are none', withModel({ type: 'Unigram', vocab: [['a', 'b']] })],
    ['pieces beyond measure', withModel({ type: 'Unigram', vocab: [['a'.repeat(1e4), -1]] })],
    ['an unknown piece beyond the list', withModel({ type: 'Unigram', vocab: [['a', -1]], unk_id: 7 })],
    ['padding that is text', { ...tiny(), padding: 'x' }],
  ])('with %s is refused', async (_, json) => expect(await codeOf(json)).toBe('TOKENIZER_INVALID'));

  it.each(['constructor', '__proto__', 'toString'])('looks up no type named %j', async (type) =>
    expect(await codeOf({ ...tiny(), normalizer: { type } })).toBe('TOKENIZER_UNSUPPORTED'),
  );

  it.each([
    ['that the engine does not know', '(a)\\1'],
    ['beyond measure', '(?:a{1000}){1000}'],
  ])('with an expression %s is refused', async (_, Regex) => {
    const json = { ...tiny(), pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated' } };
    expect(await codeOf(json)).toBe('TOKENIZER_UNSUPPORTED');
  });

  it('with an expression that RegExp would try for ever splits in linear time', async () => {
    const Regex = '(?:\\w+\\s?)+$';
    const parts: JsonObject[] = [
      { pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated' } },
      { normalizer: { type: 'Replace', pattern: { Regex }, content: 'x' } },
      { normalizer: { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: { Regex }, content: 'x' }] } },
    ];
    for (const part of parts) {
      const { encode } = await createTokenizer({ tokenizerJson: { ...tiny(), ...part } });
      encode('please send the minutes of the meeting on tuesday to all who came!', unlimited);
      const work = (words: number) => encode(`${'word '.repeat(words)}!`, unlimited);
      expect(await growthOfTime(work, 6000)).toBeLessThan(linearGrowth);
    }
  });

  it('whose replacements grow a text without end is stopped', async () => {
    const double = { type: 'Replace', pattern: { String: 'a' }, content: 'aa' };
    const normalizer = { type: 'Sequence', normalizers: Array.from({ length: 40 }, () => double) };
    const { encode } = await createTokenizer({ tokenizerJson: { ...tiny(), normalizer } });
    expect(() => encode('a', unlimited)).toThrow(expect.objectContaining({ code: 'TOKENIZER_INVALID' }));
  });

  it('of any content fails with a typed error, and else gives ids of the table', async () => {
    const values = fc.oneof(
      fc.constant(null),
      fc.integer(),
      fc.string(),
      fc.constant([]),
      fc.constant({}),
      fc.double(),
    );
    const paths = (value: unknown, path: readonly string[] = []): (readonly string[])[] =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).flatMap(([key, inner]) => [[...path, key], ...paths(inner, [...path, key])])
        : [];
    const all = paths(tiny());
    const replaced = (json: Json, [key, ...rest]: readonly string[], value: unknown): Json => {
      const copy = (Array.isArray(json) ? [...(json as Json[])] : { ...(json as JsonObject) }) as Record<string, Json>;
      copy[key!] = rest.length === 0 ? (value as Json) : replaced(copy[key!]!, rest, value);
      return copy;
    };
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...all), values, async (path, value) => {
        try {
          const { encode, vocabSize } = await createTokenizer({ tokenizerJson: replaced(tiny(), path, value) });
          const { inputIds } = encode('Hello worlds! [SEP] x', { pair: 'a pair', ...unlimited });
          expect(inputIds.every((id) => Number.isInteger(id) && id >= 0 && id < vocabSize)).toBe(true);
        } catch (error) {
          if (!isPeftError(error)) throw error;
        }
      }),
      { numRuns: 400 },
    );
  });
});

const shared = '/../../../../../shared/';
const sharedFolder = new URL(`.${shared}cases/`, import.meta.url);
(existsSync(sharedFolder) ? describe : describe.skip)('files that users brought (skipped without ../shared)', () => {
  it.each(['host-do-lower-case-false', 'host-added-tokens'])('%s gives the ids of HF', async (name) => {
    const read = (file: string) =>
      JSON.parse(readFileSync(new URL(`${name}/${file}`, sharedFolder), 'utf8')) as Record<string, number[]>;
    const { encode } = await createTokenizer({
      tokenizerJson: read('tokenizer.json') as Json,
      tokenizerConfig: read('tokenizer_config.json') as Json,
    });
    for (const [text, ids] of Object.entries(read('expected-ids.json')))
      expect([text, encode(text, unlimited).inputIds]).toEqual([text, ids]);
  });
});
