import { PeftError } from '@tfjs-peft/peft-core';
import { isJsonObject, type Json, parseJsonObject, shardIndexName } from '@tfjs-peft/peft-core/files';

export const configName = 'config.json';
export const weightsName = 'model.safetensors';
export const tokenizerName = 'tokenizer.json';

/** Small files that are used if they are there. */
const optionalNames = [
  'tokenizer_config.json',
  'special_tokens_map.json',
  'vocab.txt',
  'modules.json',
  '1_Pooling/config.json',
];

/** Files of an adapter, of HF peft, AdapterHub or ours; a folder of ours may have parts. */
const adapterFile =
  /^(parts\/[A-Za-z0-9_-]+\/)?(adapter_config\.json|adapter_model\.safetensors|tfjs_peft\.json|vertices\.safetensors|adapter\.safetensors|model_head\.safetensors|head_config\.json)$/;
/** Parts of a composition that are fetched at most. */
const mostAdapterFiles = 256;

/** The files of a repository that an adapter needs. Errors: `HUB_NO_ADAPTER`. */
export function selectAdapterFiles(name: string, available: readonly string[]): string[] {
  const files = available.filter((file) => adapterFile.test(file)).slice(0, mostAdapterFiles);
  const hasConfig = files.includes('adapter_config.json') || files.includes('tfjs_peft.json');
  if (hasConfig && files.some((file) => file.endsWith('.safetensors'))) return files;
  const pickles = available.filter((file) => file.endsWith('.bin'));
  throw new PeftError('HUB_NO_ADAPTER', {
    found: `no ${hasConfig ? 'adapter_model.safetensors' : 'adapter_config.json'} in the repository "${name}"${pickles.length > 0 ? `, but ${pickles.slice(0, 3).join(', ')}, which are pickles` : ''}`,
    expected: 'adapter_config.json and adapter_model.safetensors, as HF peft writes them',
    fix:
      pickles.length > 0
        ? 'load it in HF peft and save it again with save_pretrained'
        : 'check the name: models have none',
  });
}

/** Names of the shards that an index lists, without repeats. Errors: `SHARD_INDEX_INVALID`. */
export function listShards(index: string): string[] {
  const { weight_map: weightMap } = parseJsonObject(index, shardIndexName, { maxBytes: 100_000_000, maxDepth: 8 });
  const names = [...new Set(isJsonObject(weightMap) ? Object.values(weightMap) : [])];
  // An index must not be able to name a file outside its folder.
  const isPlain = (name: Json): name is string => typeof name === 'string' && /^\w[\w.-]*\.safetensors$/.test(name);
  if (names.length > 0 && names.every(isPlain)) return names;
  throw new PeftError('SHARD_INDEX_INVALID', {
    found: `${shardIndexName} with the shards ${JSON.stringify(names.slice(0, 3)).slice(0, 200)}`,
    expected: 'plain file names that end in .safetensors',
    fix: 'use another revision of the model',
  });
}

/**
 * The small files of a repository that a host needs, and whether its weights are sharded.
 * Errors: `HUB_NO_CONFIG`, `HUB_NO_SAFETENSORS` when the repository has no weights in a format that is safe to read.
 */
export function selectModelFiles(name: string, available: readonly string[]): { small: string[]; sharded: boolean } {
  const has = (file: string) => available.includes(file);
  if (!has(configName))
    throw new PeftError('HUB_NO_CONFIG', {
      found: `no ${configName} in the repository "${name}"`,
      expected: 'a model in the form of HF transformers',
      fix: 'check the name: adapters and ONNX exports have none, their base model does',
    });
  if (!has(weightsName) && !has(shardIndexName)) throw noSafetensors(name, available);
  const sharded = !has(weightsName);
  const wanted = [configName, tokenizerName, ...optionalNames, ...(sharded ? [shardIndexName] : [])];
  return { small: wanted.filter(has), sharded };
}

function noSafetensors(name: string, available: readonly string[]): PeftError {
  const others = available.filter((file) => /\.(bin|pt|pth|h5|msgpack|ot|onnx|ckpt|safetensors)$/.test(file));
  return new PeftError('HUB_NO_SAFETENSORS', {
    found: `the repository "${name}" has no ${weightsName}; its weights are ${others.join(', ') || 'missing'}`,
    expected: `${weightsName} or ${shardIndexName}; other formats are pickles, which run code when they are read, or other frameworks' own`,
    fix:
      'convert once in Python, `AutoModel.from_pretrained(name).save_pretrained(folder)` and the same for AutoTokenizer, and pass the ' +
      'folder; or look for a revision with safetensors (a conversion bot offers one as refs/pr/N)',
  });
}
