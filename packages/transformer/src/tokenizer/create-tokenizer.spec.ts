import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Json, JsonObject } from '@tfjs-peft/peft-core/files';
import { readFileSync } from 'node:fs';
import { createTokenizer } from './create-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

interface Row {
  readonly text: string;
  readonly pair?: string;
  readonly maxTokens?: number;
  readonly inputIds: number[];
  readonly tokenTypeIds: number[];
}
interface Golden {
  readonly texts: Row[];
  readonly pairs: Row[];
  readonly decoded: { readonly inputIds: number[]; readonly text: string };
  readonly tokenizerJson?: JsonObject;
}

const readJson = <T>(path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as T;
const minilm = () => readJson<JsonObject>('../../../minilm/model/tokenizer.json');
const unlimited = { maxTokens: Infinity };

describe.each([
  ['bert', 5],
  ['roberta', 6],
  ['xlm-roberta', 6],
] as const)('createTokenizer against HF tokenizers: %s', (name, longestSpecials) => {
  const golden = readJson<Golden>(`../../goldens/tokenizer-${name}.json`);
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await createTokenizer({ tokenizerJson: golden.tokenizerJson ?? minilm() });
  });

  it.each(golden.texts.map((row) => [JSON.stringify(row.text), row] as const))('encodes %s', (_, row) => {
    const { inputIds, tokenTypeIds, truncated } = tokenizer.encode(row.text, { pair: row.pair, ...unlimited });
    expect({ inputIds, tokenTypeIds, truncated }).toEqual({
      inputIds: row.inputIds,
      tokenTypeIds: row.tokenTypeIds,
      truncated: 0,
    });
  });

  it(`truncates ${golden.pairs.length} texts and pairs to the same tokens`, () => {
    for (const row of golden.pairs) {
      const { truncated, ...encoded } = tokenizer.encode(row.text, { pair: row.pair, maxTokens: row.maxTokens! });
      const whole = tokenizer.encode(row.text, { pair: row.pair, ...unlimited }).inputIds.length;
      expect({ ...row, ...encoded }).toEqual(row);
      expect(truncated).toBe(whole - row.inputIds.length);
    }
    expect(Math.min(...golden.pairs.map(({ inputIds }) => inputIds.length))).toBeLessThan(longestSpecials);
  });

  it('decodes', () => {
    const { inputIds, text } = golden.decoded;
    expect(tokenizer.decode(inputIds)).toBe(text);
    expect(tokenizer.decode([])).toBe('');
    expect(tokenizer.decode(inputIds, { keepSpecialTokens: true })).not.toBe(text);
  });
});

describe.each(['albert', 'camembert', 'deberta-v2', 'mpnet', 'modernbert'])('createTokenizer as %s has it', (name) => {
  it('encodes what HF transformers does', async () => {
    const golden = readJson<Golden>(`../../goldens/tokenizer-${name}.json`);
    const tokenizer = await createTokenizer({ tokenizerJson: golden.tokenizerJson! });
    const encoded = golden.texts.map(({ text, pair }) => ({ text, ...tokenizer.encode(text, { pair, ...unlimited }) }));
    const expected = golden.texts.map(({ text, inputIds, tokenTypeIds }) => ({
      text,
      inputIds,
      tokenTypeIds,
      truncated: 0,
    }));
    expect(encoded).toEqual(expected);
  });
});

describe('createTokenizer', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await createTokenizer({
      tokenizerJson: minilm(),
      tokenizerConfig: readJson<Json>('../../../minilm/model/tokenizer_config.json'),
    });
  });

  it('tells what callers need to know', () => {
    expect(Object.fromEntries(tokenizer.specialTokens)).toEqual({
      '[PAD]': 0,
      '[UNK]': 100,
      '[CLS]': 101,
      '[SEP]': 102,
      '[MASK]': 103,
    });
    expect(tokenizer.vocabSize).toBe(30522);
    expect(tokenizer.padTokenId).toBe(0);
    expect(tokenizer.modelMaxTokens).toBe(512);
  });

  it('ignores the truncation to 128 and the padding recorded in tokenizer.json', () => {
    expect(tokenizer.encode('word '.repeat(300), unlimited).inputIds).toHaveLength(302);
    expect(tokenizer.encode('word', unlimited).inputIds).toHaveLength(3);
  });

  it('counts what it cuts off', () => {
    expect(tokenizer.encode('word '.repeat(300), { maxTokens: 12 })).toMatchObject({ truncated: 290 });
    expect(tokenizer.encode('a b c', { pair: 'd e f g h', maxTokens: 8 })).toMatchObject({ truncated: 3 });
  });

  it('cuts where the model ends if nobody says where', () => {
    expect(tokenizer.encode('word '.repeat(600)).inputIds).toHaveLength(512);
  });

  it('treats an empty pair as a pair', () => {
    expect(tokenizer.encode('', { pair: '', ...unlimited }).inputIds).toEqual([101, 102, 102]);
    expect(tokenizer.encode('', unlimited).inputIds).toEqual([101, 102]);
  });

  it('reads the padding token from any of its places', async () => {
    const { padding: _, ...bare } = minilm();
    const id = async (tokenizerJson: Json, tokenizerConfig?: Json) =>
      (await createTokenizer({ tokenizerJson, tokenizerConfig })).padTokenId;
    expect(await id(bare, { pad_token: { content: '[MASK]' } })).toBe(103);
    expect(await id({ ...bare, padding: { pad_token: '[UNK]' } })).toBe(100);
    expect(await id(bare)).toBe(0);
    await expect(id({ ...bare, added_tokens: [] })).rejects.toMatchObject({ code: 'TOKENIZER_INVALID' });
  });

  it.each([1, 0, -3, NaN])('refuses %d tokens', (maxTokens) => {
    expect(() => tokenizer.encode('a', { maxTokens })).toThrow(/maxTokens .*at least 2/);
    expect(() => tokenizer.encode('a', { pair: 'b', maxTokens: Math.max(maxTokens, 2) })).toThrow(/at least 3/);
  });

  it.each([undefined, null, 7, ['a']])('refuses %j as a text', (text) => {
    const encode = () => tokenizer.encode(text as unknown as string, unlimited);
    expect(encode).toThrow(expect.objectContaining({ code: 'TEXT_NOT_STRING' }));
  });

  it.each([
    ['no object', null, 'TOKENIZER_INVALID'],
    ['no model', { added_tokens: [] }, 'TOKENIZER_INVALID'],
    ['an unknown model', { ...minilm(), model: { type: 'Telepathy' } }, 'TOKENIZER_UNSUPPORTED'],
    ['an unknown normalizer', { ...minilm(), normalizer: { type: 'Telepathy' } }, 'TOKENIZER_UNSUPPORTED'],
    ['an unknown post-processor', { ...minilm(), post_processor: { type: 'Telepathy' } }, 'TOKENIZER_UNSUPPORTED'],
  ] as [string, Json, string][])('refuses a tokenizer.json with %s', async (_, tokenizerJson, code) => {
    await expect(createTokenizer({ tokenizerJson })).rejects.toMatchObject({ name: 'PeftError', code });
  });
});
