import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { minilmFiles } from '@tfjs-peft/minilm';
import { createRandomHost, saveHost, tinyBertConfig } from '@tfjs-peft/transformer';

/** Writes a host of one small random layer with the tokenizer of MiniLM. */
export async function writeTinyModel(folder: string): Promise<void> {
  const sizes = {
    vocabSize: 30522,
    hiddenSize: 16,
    intermediateSize: 32,
    numHiddenLayers: 1,
    maxPositionEmbeddings: 512,
  };
  const host = await createRandomHost(sizes);
  const files = await saveHost(host, { config: tinyBertConfig(sizes) });
  host.dispose();
  await mkdir(folder);
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    await copyFile(join(minilmFiles().directory, name), join(folder, name));
}
