import { PeftError, type Readout, type ByteSource, openSafetensors, type SafetensorsFile } from '@tfjs-peft/peft-core';
import { type JsonObject, openShardedSafetensors, parseJsonObject, shardIndexName } from '@tfjs-peft/peft-core/files';
import { createTokenizer } from '../tokenizer/create-tokenizer.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { findReadout, type FoundReadout } from './find-readout.js';
import type { ModelFiles } from './model-files.js';

/** An opened model: its small files are read, its tensors are read when asked for. */
export interface OpenedModel {
  /** Folder or address, for messages. */
  readonly location: string;
  /** The parsed config.json. */
  readonly config: JsonObject;
  readonly tensors: SafetensorsFile;
  /** What files or name say about the readout, see `findReadout`. */
  readonly readout: Readout | undefined;
  /** Why the readout is another one than the files ask for. */
  readonly readoutWarning: string | undefined;
  /** Errors: `HOST_TOKENIZER_MISSING`, and those of {@link createTokenizer}. */
  readTokenizer(): Promise<Tokenizer>;
  /** Closes the weights. The host and the tokenizer do not need them any more. */
  close(): Promise<void>;
}

const weightsName = 'model.safetensors';

/**
 * Opens a model from any place; a `readout` that is given is taken without a look at the files that say one. On an error everything is closed again. Errors: `HOST_CONFIG_MISSING`, `HOST_WEIGHTS_MISSING`,
 * `HOST_WEIGHTS_LFS_POINTER`, those of `openSafetensors` and `openShardedSafetensors`, `JSON_...` for small files that are no JSON.
 */
export async function openModel(files: ModelFiles, name?: string, readout?: Readout): Promise<OpenedModel> {
  try {
    const text = await files.readText('config.json');
    if (text === undefined) throw await missing('HOST_CONFIG_MISSING', 'config.json', files);
    const config = parseJsonObject(text, 'config.json');
    const trainedFrom = config._name_or_path;
    const names = [name, trainedFrom].filter((known): known is string => typeof known === 'string');
    const found: FoundReadout = readout === undefined ? await findReadout(files, names) : { readout };
    return {
      location: files.location,
      config,
      readout: found.readout,
      readoutWarning: found.warning,
      tensors: await openWeights(files),
      readTokenizer: () => readTokenizer(files),
      close: () => files.close(),
    };
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** The tensors of a model's one weights file or of its shards. Errors: `HOST_WEIGHTS_MISSING`, `HOST_WEIGHTS_LFS_POINTER`. */
export async function openWeights(files: ModelFiles): Promise<SafetensorsFile> {
  const single = await files.open(weightsName);
  if (single) {
    await refuseLfsPointer(single);
    return openSafetensors(single);
  }
  const index = await files.readText(shardIndexName);
  if (index === undefined) throw await missing('HOST_WEIGHTS_MISSING', `${weightsName} or ${shardIndexName}`, files);
  return openShardedSafetensors(index, async (shard) => {
    const source = await files.open(shard);
    if (!source) throw await missing('HOST_WEIGHTS_MISSING', `${shard}, which ${shardIndexName} names`, files);
    await refuseLfsPointer(source);
    return source;
  });
}

async function readTokenizer(files: ModelFiles): Promise<Tokenizer> {
  const json = await files.readText('tokenizer.json');
  if (json === undefined) throw await missing('HOST_TOKENIZER_MISSING', 'tokenizer.json', files);
  const config = await files.readText('tokenizer_config.json');
  return createTokenizer({
    tokenizerJson: parseJsonObject(json, 'tokenizer.json', { maxBytes: 100_000_000 }),
    tokenizerConfig:
      config === undefined ? undefined : parseJsonObject(config, 'tokenizer_config.json', { maxBytes: 10_000_000 }),
  });
}

/** A clone without Git LFS has a note of some 130 bytes in place of each large file. */
async function refuseLfsPointer({ name, size, read }: ByteSource): Promise<void> {
  if (size > 1024) return;
  const start = new TextDecoder().decode(await read(0, size));
  if (!start.startsWith('version https://git-lfs')) return;
  throw new PeftError('HOST_WEIGHTS_LFS_POINTER', {
    found: `${name} is a Git LFS pointer of ${size} bytes, not the weights`,
    fix: 'run `git lfs install && git lfs pull` in that folder, or download the file itself',
  });
}

async function missing(code: string, file: string, files: ModelFiles): Promise<PeftError> {
  const there = await files.list();
  const others = there.filter((found) => /\.(bin|pt|pth|h5|msgpack|ot|onnx|ckpt)$/.test(found));
  const slowTokenizer = there.some((found) =>
    /^(vocab\.(txt|json)|sentencepiece\.bpe\.model|spiece\.model)$/.test(found),
  );
  const shown = there.length > 12 ? [...there.slice(0, 12), '…'] : there;
  return new PeftError(code, {
    found: `no ${file} in ${files.location}${there.length > 0 ? `; there are ${shown.join(', ')}` : ''}`,
    expected:
      'config.json, model.safetensors (or its index and shards) and tokenizer.json, as HF transformers saves them',
    fix:
      code === 'HOST_WEIGHTS_MISSING' && others.length > 0
        ? 'convert once in Python: AutoModel.from_pretrained(folder).save_pretrained(folder) writes model.safetensors'
        : code === 'HOST_TOKENIZER_MISSING' && slowTokenizer
          ? 'convert once in Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder) writes tokenizer.json'
          : 'check that this is the right place and that the download or copy is complete',
  });
}
