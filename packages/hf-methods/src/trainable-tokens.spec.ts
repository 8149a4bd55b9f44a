import { expect, it } from '@jest/globals';
import { tinyDecoder, tinyHost } from '@tfjs-peft/conformance';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { trainableTokens } from './index.js';

useTestBackend();

const tables = {
  bert: 'embeddings.word_embeddings',
  roberta: 'embeddings.word_embeddings',
  'xlm-roberta': 'embeddings.word_embeddings',
  camembert: 'embeddings.word_embeddings',
  distilbert: 'embeddings.word_embeddings',
  electra: 'embeddings.word_embeddings',
  mpnet: 'embeddings.word_embeddings',
  albert: 'embeddings.word_embeddings',
  'deberta-v2': 'embeddings.word_embeddings',
  modernbert: 'embeddings.tok_embeddings',
} as const;
const decoders = { gpt2: 'wte', llama: 'embed_tokens', qwen2: 'embed_tokens', qwen3: 'embed_tokens' } as const;

const typesOf = <T extends object>(known: T) => Object.entries(known) as [keyof T, string][];

it.each([
  ...typesOf(tables).map(([modelType, table]) => [modelType, table, tinyHost({ modelType })] as const),
  ...typesOf(decoders).map(([modelType, table]) => [modelType, table, tinyDecoder({ modelType })] as const),
])('of %s are rows of %s where no table is named', async (_, table, tiny) => {
  const host = await tiny.create({});
  expect(trainableTokens({ token_indices: [1, 2] }).plan(host.spec).effective).toMatchObject([
    { name: `tokens.${table}.rows`, site: table },
  ]);
  host.dispose();
});
