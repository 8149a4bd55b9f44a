import { describe, expect, it } from '@jest/globals';
import { peftErrorOf } from '../../test/bad-files.js';
import { bytesSource } from './byte-source.js';
import { openShardedSafetensors } from './open-sharded-safetensors.js';
import { writeSafetensors } from './write-safetensors.js';

const one = (value: number) => ({ shape: [1], data: new Float32Array([value]) });
const shards = new Map([
  [
    'model-00001-of-00002.safetensors',
    writeSafetensors(
      new Map([
        ['a', one(1)],
        ['b', one(2)],
      ]),
    ),
  ],
  ['model-00002-of-00002.safetensors', writeSafetensors(new Map([['c', one(3)]]))],
]);
const weightMap = {
  a: 'model-00001-of-00002.safetensors',
  b: 'model-00001-of-00002.safetensors',
  c: 'model-00002-of-00002.safetensors',
};
const opened: string[] = [];
const open = (index: unknown) =>
  openShardedSafetensors(typeof index === 'string' ? index : JSON.stringify(index), async (name) => {
    opened.push(name);
    return bytesSource(name, shards.get(name) ?? new Uint8Array(0));
  });

describe('openShardedSafetensors', () => {
  it('reads tensors from their shards, each opened once', async () => {
    opened.length = 0;
    const file = await open({ metadata: { total_size: 12 }, weight_map: weightMap });
    expect(opened).toEqual([...shards.keys()]);
    expect([...file.tensors.keys()]).toEqual(['a', 'b', 'c']);
    for (const [name, value] of [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ] as const)
      expect([...(await file.readFloat32(name))]).toEqual([value]);
    expect(file.metadata.get('format')).toBe('pt');
    expect((await peftErrorOf(() => file.readFloat32('d'))).code).toBe('TENSOR_MISSING');
    expect((await peftErrorOf(() => file.readInt64('a'))).code).toBe('TENSOR_DTYPE_UNSUPPORTED');
  });

  it.each([
    '../model.safetensors',
    '/etc/model.safetensors',
    'a/b.safetensors',
    'a\\b.safetensors',
    'C:x.safetensors',
    '..',
    '.safetensors',
    '',
    'model.bin',
    'https://x/m.safetensors',
    'a.safetensors\n',
    'a\u0000.safetensors',
  ])('refuses the shard name %j before it opens anything', async (shard) => {
    opened.length = 0;
    expect((await peftErrorOf(() => open({ weight_map: { ...weightMap, z: shard } }))).code).toBe('SHARD_NAME_UNSAFE');
    expect(opened).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['no weight_map', {}],
    ['an empty weight_map', { weight_map: {} }],
    ['a list as weight_map', { weight_map: ['a'] }],
    ['a number as shard', { weight_map: { a: 1 } }],
    ['a negative total_size', { metadata: { total_size: -1 }, weight_map: weightMap }],
    ['a total_size in words', { metadata: { total_size: 'big' }, weight_map: weightMap }],
  ])('refuses an index with %s', async (_, index) => {
    expect((await peftErrorOf(() => open(index))).code).toBe('SHARD_INDEX_INVALID');
  });

  it('names the shard and the tensor when the index and the shards disagree', async () => {
    const missing = await peftErrorOf(() =>
      open({ weight_map: { ...weightMap, a: 'model-00002-of-00002.safetensors' } }),
    );
    expect(missing.code).toBe('TENSOR_MISSING');
    expect(missing.message).toMatch(/model-00002-of-00002.*"a"/);
    const empty = await peftErrorOf(() => open({ weight_map: { a: 'other.safetensors' } }));
    expect(empty.code).toBe('SAFETENSORS_TRUNCATED');
    expect(empty.message).toContain('other.safetensors');
  });

  it('refuses a tensor that the index names twice', async () => {
    const shard = '"model-00001-of-00002.safetensors"';
    expect((await peftErrorOf(() => open(`{"weight_map":{"a":${shard},"a":${shard}}}`))).code).toBe(
      'JSON_DUPLICATE_KEY',
    );
  });
});
