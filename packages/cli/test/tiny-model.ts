import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRandomHost, saveHost, tinyBertConfig } from '@tfjs-peft/transformer';

const minilm = fileURLToPath(new URL('../../minilm/model/', import.meta.url));

/** A random two-layer BERT with MiniLM's tokenizer, as the folder of a model. */
export async function writeModel(folder: string, seed: number): Promise<string> {
  const size = { vocabSize: 30522 };
  const host = await createRandomHost(size, seed);
  mkdirSync(folder);
  for (const [name, bytes] of await saveHost(host, { config: tinyBertConfig(size) }))
    writeFileSync(join(folder, name), bytes);
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(minilm, name), join(folder, name));
  host.dispose();
  return folder;
}
