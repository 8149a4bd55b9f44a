import { extractFeatures } from '@tfjs-peft/train';
import {
  createRandomHost,
  decoderTypes,
  loadHost,
  loadMlmHead,
  modelTypes,
  parseDecoderConfig,
  parseHostConfig,
  readHostSpec,
  tinyDecoderConfig,
  tinyHostConfig,
} from '@tfjs-peft/transformer';
import { isPeftError } from '@tfjs-peft/peft-core';
import { parseJsonObject, writeSafetensors } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
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

/** config.json of every decoder. */
export const decoderConfig: Reader = {
  name: 'decoder-config',
  open: async () => ({
    seeds: decoderTypes.map((modelType) => oneFile(JSON.stringify(tinyDecoderConfig({ modelType })), 'config.json')),
    words: [
      ...configWords,
      ...decoderTypes,
      'n_embd',
      'n_head',
      'n_inner',
      'num_key_value_heads',
      'head_dim',
      'rope_theta',
      'rope_scaling',
      'rope_parameters',
      'sliding_window',
      'use_sliding_window',
      'tie_word_embeddings',
      'eos_token_id',
      'silu',
    ],
    read(files) {
      const config = parseJsonObject(bytesOf(files, 'config.json'), 'config.json');
      const { numAttentionHeads, numKeyValueHeads, headSize } = parseDecoderConfig(config, 'fuzzed');
      if (numAttentionHeads % numKeyValueHeads !== 0 || !Number.isInteger(headSize))
        throw new WrongValue('heads of queries that share no heads of keys evenly');
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
