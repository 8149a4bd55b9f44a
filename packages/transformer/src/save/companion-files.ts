import { PeftError } from '@tfjs-peft/peft-core';
import { isJsonObject, type JsonObject, parseJsonObject, readableJson } from '@tfjs-peft/peft-core/files';
import { directoryFiles } from '../load/directory-files.js';
import type { ModelFiles } from '../load/model-files.js';

/** Files of a tokenizer, whatever its kind. */
const tokenizerNames = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'sentencepiece.bpe.model',
  'spiece.model',
  'chat_template.jinja',
  'chat_template.json',
];

/** How a decoder ends texts and samples. */
const generationName = 'generation_config.json';

/** How sentence-transformers pools what an encoder gives. */
const poolingNames = [
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
  '1_Pooling/config.json',
];

/** Which files, and what is written into them. */
export interface CompanionOptions {
  /** Written into tokenizer_config.json as `model_max_length`: where texts are cut. */
  readonly maxTokens?: number;
  /** Also what sentence-transformers reads. */
  readonly pooling?: boolean;
}

/**
 * The files of a model's folder that belong to its tokenizer, and how it generates, to be copied beside saved weights. Errors: `HOST_DIRECTORY_MISSING`,
 * `HOST_TOKENIZER_MISSING`.
 */
export async function readCompanionFiles(
  directory: string,
  { maxTokens, pooling = false }: CompanionOptions = {},
): Promise<Map<string, Uint8Array>> {
  const files = await directoryFiles(directory);
  try {
    const found = new Map<string, Uint8Array>();
    for (const name of [...tokenizerNames, generationName, ...(pooling ? poolingNames : [])]) {
      const bytes = await readWhole(files, name);
      if (bytes) found.set(name, bytes);
    }
    if (!found.has('tokenizer.json'))
      throw new PeftError('HOST_TOKENIZER_MISSING', {
        found: `no tokenizer.json in ${directory}`,
        fix: 'convert once in Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder) writes it',
      });
    if (maxTokens !== undefined) {
      const config = await readConfig(files);
      found.set('tokenizer_config.json', utf8(readableJson({ ...config, model_max_length: maxTokens })));
    }
    return found;
  } finally {
    await files.close();
  }
}

async function readWhole(files: ModelFiles, name: string): Promise<Uint8Array | undefined> {
  const source = await files.open(name);
  return source && source.read(0, source.size);
}

async function readConfig(files: ModelFiles): Promise<JsonObject> {
  const text = await files.readText('tokenizer_config.json');
  const config = text === undefined ? {} : parseJsonObject(text, 'tokenizer_config.json', { maxBytes: 10_000_000 });
  return isJsonObject(config) ? config : {};
}

const utf8 = (text: string) => new TextEncoder().encode(text);
