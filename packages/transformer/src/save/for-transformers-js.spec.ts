import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { forTransformersJs } from './for-transformers-js.js';

const adapt = (tokenizer: JsonObject, config: JsonObject) => {
  const utf8 = (value: JsonObject) => new TextEncoder().encode(JSON.stringify(value));
  const given = new Map([
    ['tokenizer.json', utf8(tokenizer)],
    ['tokenizer_config.json', utf8(config)],
    ['vocab.txt', Uint8Array.of(1)],
  ]);
  const files = forTransformersJs(given, { className: 'Bert', padToken: '[PAD]' });
  expect(files.get('vocab.txt')).toBe(given.get('vocab.txt'));
  const parse = (name: string) => JSON.parse(new TextDecoder().decode(files.get(name))) as JsonObject;
  const isKept = files.get('tokenizer.json') === given.get('tokenizer.json');
  return { tokenizer: parse('tokenizer.json'), config: parse('tokenizer_config.json'), isKept };
};

describe('forTransformersJs', () => {
  it('writes merges as one text each, unless a piece has a space', () => {
    const pairs = {
      model: {
        type: 'BPE',
        merges: [
          ['a', 'b'],
          ['ab', 'c'],
        ],
      },
    };
    expect(adapt(pairs, {}).tokenizer).toEqual({ model: { type: 'BPE', merges: ['a b', 'ab c'] } });
    expect(adapt({ model: { type: 'BPE', merges: [['a b', 'c']] } }, {}).isKept).toBe(true);
    expect(adapt({ model: { type: 'BPE', merges: ['a b'] } }, {}).isKept).toBe(true);
  });

  it('adds the older entry of a Metaspace, in a sequence too', () => {
    const space = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' };
    const { tokenizer } = adapt(
      {
        model: {},
        pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, space] },
        decoder: { ...space, prepend_scheme: 'never' },
      },
      {},
    );
    expect(tokenizer).toEqual({
      model: {},
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [{ type: 'WhitespaceSplit' }, { ...space, add_prefix_space: true }],
      },
      decoder: { ...space, prepend_scheme: 'never', add_prefix_space: false },
    });
  });

  it('names a tokenizer of the architecture and the token to pad with, where nothing does', () => {
    const full = { tokenizer_class: 'BertTokenizer', pad_token: '<p>', more: 1 };
    expect(adapt({ model: {} }, full)).toEqual({ tokenizer: { model: {} }, config: full, isKept: true });
    for (const tokenizer_class of ['TokenizersBackend', 'PreTrainedTokenizerFast', undefined])
      expect(adapt({ model: {} }, { tokenizer_class } as never).config).toEqual({
        tokenizer_class: 'BertTokenizer',
        pad_token: '[PAD]',
      });
  });
});
