import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandomDecoder, type DecoderHost, saveHost, tinyDecoderConfig } from '@tfjs-peft/transformer';

const words = ['<end>', 'the', 'a', 'sea', 'ship', 'went', 'over', 'and', 'came', 'home', '.', ':'];
const tokenizer = {
  version: '1.0',
  added_tokens: [{ id: 0, content: '<end>', special: true }],
  normalizer: null,
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: null,
  decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
  model: {
    type: 'WordPiece',
    unk_token: '<end>',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(words.map((word, id) => [word, id])),
  },
};
const sizes = {
  modelType: 'llama',
  vocabSize: words.length,
  hiddenSize: 16,
  numAttentionHeads: 2,
  intermediateSize: 24,
} as const;

/** Writes a random decoder that knows eleven words and the token that ends texts; the caller disposes it. */
export async function writeTinyCausalHost(folder: string): Promise<DecoderHost> {
  const host = await createRandomDecoder(sizes, 5);
  const config = { ...tinyDecoderConfig(sizes), eos_token_id: 0 };
  for (const [name, bytes] of await saveHost(host, { config })) await writeFile(join(folder, name), bytes);
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ pad_token: '<end>' }));
  return host;
}
