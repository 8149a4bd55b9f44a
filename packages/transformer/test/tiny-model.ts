import { createStream, substream } from '@tfjs-peft/peft-core';
import { normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import { writeSafetensors } from '@tfjs-peft/peft-core/files';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describeEncoder } from '../src/architecture/encoder.js';
import { parseHostConfig } from '../src/architecture/parse-host-config.js';
import { tinyBertConfig } from '../src/encoder/create-random-host.js';
import { expectedTensors } from '../src/weights/expected-tensors.js';

/** Files of a model by path, as text or bytes. */
export type FilesOfModel = Readonly<Record<string, string | Uint8Array>>;

const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'hello', 'world', '##s', '!'];

const tokenizerJson = {
  version: '1.0',
  truncation: { max_length: 4, strategy: 'LongestFirst', stride: 0 },
  padding: null,
  added_tokens: vocabulary.slice(0, 4).map((content, id) => ({ id, content, special: true })),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
  },
};

/** A whole tiny BERT with random weights, in one file or in two shards. */
export function tinyModel({ sharded = false } = {}): FilesOfModel {
  const config = tinyBertConfig({
    vocabSize: vocabulary.length,
    numHiddenLayers: 1,
    hiddenSize: 8,
    intermediateSize: 16,
  });
  const tensors = expectedTensors(describeEncoder(parseHostConfig(config, 'tiny'), true)).map(({ path, shape }) => {
    const data = normals(substream(createStream('tiny model'), path), sizeOf(shape));
    return [path, { shape, data }] as const;
  });
  const half = Math.floor(tensors.length / 2);
  const shards = [tensors.slice(0, half), tensors.slice(half)];
  const shardName = (index: number) => `model-0000${index + 1}-of-00002.safetensors`;
  const weightMap = shards.flatMap((shard, index) => shard.map(([name]) => [name, shardName(index)]));
  const weights: FilesOfModel = sharded
    ? {
        ...Object.fromEntries(shards.map((shard, index) => [shardName(index), writeSafetensors(new Map(shard))])),
        'model.safetensors.index.json': JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(weightMap) }),
      }
    : { 'model.safetensors': writeSafetensors(new Map(tensors)) };
  return {
    'config.json': JSON.stringify(config),
    'tokenizer.json': JSON.stringify(tokenizerJson),
    'tokenizer_config.json': JSON.stringify({ model_max_length: 64, pad_token: '[PAD]' }),
    ...weights,
  };
}

export async function writeFiles(directory: string, files: FilesOfModel): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  return directory;
}

export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'tfjs-peft-'));
