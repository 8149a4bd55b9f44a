import { PeftError } from '../errors.js';
import { isJsonObject, parseJsonObject } from '../json/parse-json-strict.js';
import type { ByteSource } from './byte-source.js';
import { openSafetensors, requireEntry, type SafetensorsFile } from './open-safetensors.js';
import type { TensorEntry } from './read-header.js';

/** Name of the index that HF transformers writes beside sharded weights. */
export const shardIndexName = 'model.safetensors.index.json';

/** Plain file names only: an index must not be able to name a file outside its folder. */
const shardName = /^[A-Za-z0-9_][A-Za-z0-9._-]*\.safetensors$/;

/**
 * Opens weights that are split over several files, as one. `index` is the content of {@link shardIndexName}; `openShard` opens a file beside
 * it. Headers of all shards are read, tensors when asked for; `begin` and `end` of an entry count within its own shard. `total_size` is
 * not compared: published files count tied tensors in different ways, and truncation shows in each shard's own header.
 * Errors: `SHARD_INDEX_INVALID`, `SHARD_NAME_UNSAFE`, `TENSOR_MISSING`, and all of {@link openSafetensors}.
 */
export async function openShardedSafetensors(
  index: Uint8Array | string,
  openShard: (name: string) => Promise<ByteSource>,
  indexName = shardIndexName,
): Promise<SafetensorsFile> {
  const homes = readWeightMap(index, indexName);
  const shards = new Map<string, SafetensorsFile>();
  for (const shard of new Set(homes.values())) shards.set(shard, await openSafetensors(await openShard(shard)));
  const shardOf = (name: string) => shards.get(homes.get(name) ?? '');
  const tensors = new Map<string, TensorEntry>();
  for (const [name, shard] of homes) tensors.set(name, requireEntry(shards.get(shard)!.tensors, name, shard));
  const metadata = new Map([...shards.values()].flatMap((shard) => [...shard.metadata]));
  const homeOf = (name: string) => {
    requireEntry(tensors, name, indexName);
    return shardOf(name)!;
  };
  return {
    name: indexName,
    tensors,
    metadata,
    readFloat32: async (name) => homeOf(name).readFloat32(name),
    readInt32: async (name) => homeOf(name).readInt32(name),
    readNumbers: async (name) => homeOf(name).readNumbers(name),
    readInt64: async (name) => homeOf(name).readInt64(name),
  };
}

function readWeightMap(index: Uint8Array | string, indexName: string): Map<string, string> {
  const invalid = (found: string) =>
    new PeftError('SHARD_INDEX_INVALID', {
      found: `${indexName}: ${found}`,
      expected: '{ "metadata": { "total_size": bytes }, "weight_map": { tensor name: shard file } }',
      fix: 'fetch the index again, together with all its shards',
    });
  const { weight_map: weightMap, metadata } = parseJsonObject(index, indexName, { maxBytes: 100_000_000, maxDepth: 8 });
  if (!isJsonObject(weightMap) || Object.keys(weightMap).length === 0) throw invalid('no weight_map with entries');
  const totalSize = isJsonObject(metadata) ? metadata['total_size'] : undefined;
  if (totalSize !== undefined && !(Number.isSafeInteger(totalSize) && Number(totalSize) >= 0))
    throw invalid(`total_size ${JSON.stringify(totalSize)}`);
  return new Map(
    Object.entries(weightMap).map(([name, shard]) => {
      if (typeof shard !== 'string') throw invalid(`shard ${JSON.stringify(shard)} for tensor "${name}"`);
      if (shardName.test(shard)) return [name, shard];
      throw new PeftError('SHARD_NAME_UNSAFE', {
        found: `${indexName}: shard ${JSON.stringify(shard)} for tensor "${name}"`,
        expected: 'a plain file name that ends in .safetensors, model-00001-of-00002.safetensors for example',
        fix: 'do not use these files unless you know why; otherwise rename the shards',
      });
    }),
  );
}
