import { parseJsonObject } from '@tfjs-peft/peft-core/files';
import { createTokenizer } from '@tfjs-peft/transformer';
import { bytesOf, type Files, type Reader, WrongValue } from '../reader.js';

const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'please', 'send', 'the', 'min', '##utes', '!', '##s'];
const special = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});
const common = { version: '1.0', truncation: null, padding: null };
const wordPiece = {
  ...common,
  added_tokens: words.slice(0, 4).map(special),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
    ],
    pair: [
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
      { Sequence: { id: 'B', type_id: 1 } },
    ],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
    },
  },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(words.map((word, id) => [word, id])),
  },
};
const pieces = ['<s>', '<pad>', '</s>', '<unk>', 'a', 'b', 'e', 't', 'h', 'Ġ', 'th', 'Ġth', 'the', 'Ġthe'];
const bytePairs = {
  ...common,
  added_tokens: pieces.slice(0, 4).map(special),
  normalizer: null,
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      {
        type: 'Split',
        pattern: { Regex: "'s|'t| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+" },
        behavior: 'Isolated',
        invert: false,
      },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  },
  post_processor: {
    type: 'RobertaProcessing',
    sep: ['</s>', 2],
    cls: ['<s>', 0],
    trim_offsets: true,
    add_prefix_space: false,
  },
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: '<unk>',
    continuing_subword_prefix: '',
    end_of_word_suffix: '',
    fuse_unk: false,
    byte_fallback: false,
    vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    merges: ['t h', 'Ġ th', ['th', 'e'], 'Ġth e'],
  },
};
const unigram = {
  ...common,
  added_tokens: ['<s>', '<pad>', '</s>', '<unk>'].map(special),
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
      { type: 'NFKC' },
      { type: 'Lowercase' },
    ],
  },
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  post_processor: { type: 'BertProcessing', cls: ['<s>', 0], sep: ['</s>', 2] },
  decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
  model: {
    type: 'Unigram',
    unk_id: 3,
    vocab: [
      ['<s>', 0],
      ['<pad>', 0],
      ['</s>', 0],
      ['<unk>', 0],
      ['▁', -2],
      ['▁the', -3],
      ['t', -4],
      ['h', -4.5],
      ['e', -4],
      ['😀', -6],
    ],
  },
};
const texts = [
  'please send the minutes of the meeting on tuesday to all who came!',
  "thé 😀 [CLS] the  the\u0000\u200d\ud800 <s> 漢字 it's 1234",
  `${'a'.repeat(400)}! ${'the '.repeat(60)}`,
  '',
];

/** tokenizer.json with tokenizer_config.json, and texts encoded with what they describe. */
export const tokenizers: Reader = {
  name: 'tokenizer',
  open: async () => ({
    seeds: [
      [wordPiece, '[PAD]'],
      [bytePairs, '<pad>'],
      [unigram, '<pad>'],
    ].map(
      ([json, pad]): Files =>
        new Map([
          ['tokenizer.json', Buffer.from(JSON.stringify(json))],
          ['tokenizer_config.json', Buffer.from(JSON.stringify({ model_max_length: 64, pad_token: pad }))],
        ]),
    ),
    words: [
      'WordPiece',
      'BPE',
      'Unigram',
      'WordLevel',
      'Regex',
      'String',
      '(a+)+$',
      '(\\w+\\s?)*$',
      '[',
      '\\p{L}',
      'ByteLevel',
      'Metaspace',
      'Split',
      'Whitespace',
      'Punctuation',
      'Digits',
      'Sequence',
      'Replace',
      'Precompiled',
      'NFC',
      'StripAccents',
      'Strip',
      'Prepend',
      'Isolated',
      'Removed',
      'MergedWithPrevious',
      'ids',
      'special',
      'lstrip',
      'single_word',
      '[CLS]',
      'Fuse',
      'CTC',
      'byte_fallback',
      'Template',
      'pad_token',
    ],
    async read(files) {
      const limits = { maxBytes: 2 ** 22 };
      const tokenizer = await createTokenizer({
        tokenizerJson: parseJsonObject(bytesOf(files, 'tokenizer.json'), 'tokenizer.json', limits),
        tokenizerConfig: files.has('tokenizer_config.json')
          ? parseJsonObject(bytesOf(files, 'tokenizer_config.json'), 'tokenizer_config.json', limits)
          : undefined,
      });
      const isId = (id: unknown) => Number.isInteger(id) && Number(id) >= 0 && Number(id) < tokenizer.vocabSize;
      if (!isId(tokenizer.padTokenId)) throw new WrongValue('the id of the padding token is none');
      for (const text of texts) {
        const { inputIds, tokenTypeIds, truncated } = tokenizer.encode(text, { maxTokens: 32 });
        if (inputIds.length > 32 || inputIds.length !== tokenTypeIds.length || !(truncated >= 0))
          throw new WrongValue('lengths');
        if (!inputIds.every(isId)) throw new WrongValue('ids beyond the table');
        if (!tokenTypeIds.every((id) => Number.isInteger(id) && id >= 0)) throw new WrongValue('token types');
        if (typeof tokenizer.decode(inputIds) !== 'string') throw new WrongValue('a decoded text that is none');
      }
      tokenizer.encode(texts[0]!, { pair: texts[1], maxTokens: 32 });
    },
  }),
};
