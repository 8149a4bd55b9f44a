import { mkdtempSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStream, substream } from '@tfjs-peft/peft-core';
import { normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import { writeSafetensors } from '@tfjs-peft/peft-core/files';
import { tinyBertConfig } from '@tfjs-peft/transformer';

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'tfjs-peft-eval-'));

const neutral = Array.from({ length: 20 }, (_, index) => `w${index}`);
const plainVocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'good', 'bad', ...neutral];

/**
 * Writes a random two-layer BERT with a word-level tokenizer as a model directory: a host that loads in milliseconds; with `masked` it is a masked
 * language model.
 */
export async function writeTinyModel(folder: string, seed = 0, { masked = false } = {}): Promise<string> {
  const vocabulary = masked ? [...plainVocabulary, '[MASK]'] : plainVocabulary;
  const config = tinyBertConfig({ vocabSize: vocabulary.length });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizerJson(vocabulary)));
  await writeFile(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ tokenizer_class: 'BertTokenizer', pad_token: '[PAD]', do_lower_case: true }),
  );
  const root = createStream(seed);
  const tensors = new Map(
    Object.entries({ ...shapesOf(config), ...(masked && headShapesOf(config)) }).map(([name, shape]) => {
      const deviation = shape.length === 2 && !name.includes('embeddings') ? 1 / Math.sqrt(shape[1]!) : 1;
      const isScale = name.endsWith('LayerNorm.weight');
      const isBias = name.endsWith('bias');
      const data = normals(substream(root, name), sizeOf(shape)).map((z) =>
        isScale ? 1 + 0.1 * z : isBias ? 0.1 * z : deviation * z,
      );
      return [name, { shape, data }] as const;
    }),
  );
  await writeFile(join(folder, 'model.safetensors'), writeSafetensors(tensors));
  return folder;
}

function shapesOf(config: ReturnType<typeof tinyBertConfig>): Record<string, number[]> {
  const { hidden_size: hidden, intermediate_size: wide } = config;
  const shapes: Record<string, number[]> = {
    'embeddings.word_embeddings.weight': [config.vocab_size, hidden],
    'embeddings.position_embeddings.weight': [config.max_position_embeddings, hidden],
    'embeddings.token_type_embeddings.weight': [config.type_vocab_size, hidden],
  };
  const linear = (path: string, inputs: number, outputs: number) => {
    shapes[`${path}.weight`] = [outputs, inputs];
    shapes[`${path}.bias`] = [outputs];
  };
  const norm = (path: string) => {
    shapes[`${path}.weight`] = [hidden];
    shapes[`${path}.bias`] = [hidden];
  };
  norm('embeddings.LayerNorm');
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const path = `encoder.layer.${layer}`;
    for (const part of ['query', 'key', 'value']) linear(`${path}.attention.self.${part}`, hidden, hidden);
    linear(`${path}.attention.output.dense`, hidden, hidden);
    norm(`${path}.attention.output.LayerNorm`);
    linear(`${path}.intermediate.dense`, hidden, wide);
    linear(`${path}.output.dense`, wide, hidden);
    norm(`${path}.output.LayerNorm`);
  }
  linear('pooler.dense', hidden, hidden);
  return shapes;
}

/** Of the head of a masked language model, whose decoder is the table of words. */
const headShapesOf = ({ hidden_size: hidden, vocab_size: words }: ReturnType<typeof tinyBertConfig>) => ({
  'cls.predictions.transform.dense.weight': [hidden, hidden],
  'cls.predictions.transform.dense.bias': [hidden],
  'cls.predictions.transform.LayerNorm.weight': [hidden],
  'cls.predictions.transform.LayerNorm.bias': [hidden],
  'cls.predictions.bias': [words],
});

const special = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});
const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });

const tokenizerJson = (vocabulary: readonly string[]) => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: vocabulary.flatMap((word, id) => (word.startsWith('[') ? [special(word, id)] : [])),
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
    single: [token('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, token('[SEP]')],
    pair: [
      token('[CLS]'),
      { Sequence: { id: 'A', type_id: 0 } },
      token('[SEP]'),
      { Sequence: { id: 'B', type_id: 1 } },
      { SpecialToken: { id: '[SEP]', type_id: 1 } },
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
    vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])),
  },
});

/** Writes a separable task: lines of neutral words with one "good" or one "bad" among them. */
export function writeSeparableTask(path: string, rows = 240): string {
  const line = (row: number) => {
    const label = row % 2 === 0 ? 'good' : 'bad';
    const words = Array.from(
      { length: 5 },
      (_, place) => neutral[(row * 7 + place * (3 + (row % 5))) % neutral.length]!,
    );
    words.splice(row % 5, 0, label);
    return `${words.join(' ')},${label === 'good' ? 'positive' : 'negative'}`;
  };
  writeFileSync(path, ['text,label', ...Array.from({ length: rows }, (_, row) => line(row))].join('\n') + '\n');
  return path;
}
