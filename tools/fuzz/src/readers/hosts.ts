import { extractFeatures } from '@tfjs-peft/train';
import {
  createRandomHost,
  createTokenizer,
  loadHost,
  loadMlmHead,
  modelTypes,
  parseHostConfig,
  readHostSpec,
} from '@tfjs-peft/transformer';
import { isPeftError } from '@tfjs-peft/peft-core';
import { parseJsonObject, writeSafetensors } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import { tinyHostConfig } from '@tfjs-peft/transformer';
import { tinyModel } from '../../../../packages/transformer/test/tiny-model.js';
import { bytesOf, type Files, oneFile, type Reader, WrongValue } from '../reader.js';
import { temporaryFolder } from '../temporary-folder.js';

const configWords = [
  'bert',
  'roberta',
  'distilbert',
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'intermediate_size',
  'vocab_size',
  'max_position_embeddings',
  'type_vocab_size',
  'hidden_act',
  'gelu',
  'gelu_new',
  'relu',
  'layer_norm_eps',
  'pad_token_id',
  'position_embedding_type',
  'relative_key',
  'is_decoder',
];

/** config.json alone, of every family. */
export const hostConfig: Reader = {
  name: 'host-config',
  open: async () => ({
    seeds: modelTypes.map((modelType) => oneFile(JSON.stringify(tinyHostConfig({ modelType })), 'config.json')),
    words: configWords,
    read(files) {
      const config = parseJsonObject(bytesOf(files, 'config.json'), 'config.json');
      const { hiddenSize, numAttentionHeads } = parseHostConfig(config, 'fuzzed');
      if (!(hiddenSize % numAttentionHeads === 0)) throw new WrongValue('heads that do not divide the hidden size');
      try {
        readHostSpec({ config, tensors: { tensors: new Map() }, name: 'fuzzed' });
      } catch (error) {
        // A configuration without weights is right up to here.
        if (!(isPeftError(error) && error.code === 'TENSOR_MISSING')) throw error;
      }
    },
  }),
};

const asFiles = (model: Readonly<Record<string, string | Uint8Array>>): Files =>
  new Map(
    Object.entries(model).map(([name, content]) => [
      name,
      typeof content === 'string' ? Buffer.from(content) : content,
    ]),
  );
const poolingFiles = {
  'modules.json': JSON.stringify([
    { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
    { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
  ]),
  '1_Pooling/config.json': JSON.stringify({
    word_embedding_dimension: 8,
    pooling_mode_cls_token: false,
    pooling_mode_mean_tokens: true,
  }),
};

/** A whole model folder: loaded, and a text read with it. */
export const modelFolder: Reader = {
  name: 'model-folder',
  async open() {
    await tf.setBackend('cpu');
    const folder = temporaryFolder();
    return {
      seeds: [asFiles({ ...tinyModel(), ...poolingFiles }), asFiles(tinyModel({ sharded: true }))],
      words: [
        ...configWords,
        'pooling_mode_cls_token',
        'path',
        '1_Pooling',
        '../x',
        'model-00001-of-00002.safetensors',
      ],
      async read(files) {
        folder.put(files);
        const before = tf.memory().numTensors;
        try {
          const { host, tokenizer } = await loadHost(folder.path, { onIgnored: () => {} });
          try {
            const texts = ['hello world!', ''].map((text) => tokenizer.encode(text, { maxTokens: 8 }));
            await extractFeatures({ host, texts });
          } finally {
            host.dispose();
          }
        } finally {
          const left = tf.memory().numTensors - before;
          // eslint-disable-next-line no-unsafe-finally -- a leak is a finding whatever else happened
          if (left !== 0) throw new WrongValue(`${left} tensors left`);
        }
      },
      close: folder.close,
    };
  },
};

/** The head of a masked language model, in a file of its own. */
export const mlmHead: Reader = {
  name: 'mlm-head',
  async open() {
    await tf.setBackend('cpu');
    const folder = temporaryFolder();
    const host = await createRandomHost({
      hiddenSize: 8,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      intermediateSize: 16,
      vocabSize: 12,
    });
    const tensor = (...shape: number[]) => ({
      shape,
      data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5),
    });
    const head = 'cls.predictions';
    const tensors = new Map([
      [`${head}.transform.dense.weight`, tensor(8, 8)],
      [`${head}.transform.dense.bias`, tensor(8)],
      [`${head}.transform.LayerNorm.weight`, tensor(8)],
      [`${head}.transform.LayerNorm.bias`, tensor(8)],
      [`${head}.bias`, tensor(12)],
    ]);
    const withDecoder = new Map([...tensors, [`${head}.decoder.weight`, tensor(12, 8)]]);
    const states = tf.ones([1, 2, 8]) as tf.Tensor3D;
    return {
      seeds: [tensors, withDecoder].map((all) => oneFile(writeSafetensors(all), 'mlm_head.safetensors')),
      words: [...withDecoder.keys(), 'gamma', 'beta'],
      async read(files) {
        folder.put(files);
        const before = tf.memory().numTensors;
        try {
          const mlm = await loadMlmHead(host, folder.path);
          tf.dispose(mlm.logits(states));
          mlm.dispose();
        } finally {
          const left = tf.memory().numTensors - before;
          // eslint-disable-next-line no-unsafe-finally -- a leak is a finding whatever else happened
          if (left !== 0) throw new WrongValue(`${left} tensors left`);
        }
      },
      close() {
        states.dispose();
        host.dispose();
        folder.close();
      },
    };
  },
};

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
