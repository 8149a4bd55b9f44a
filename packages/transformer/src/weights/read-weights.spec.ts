import { createStream, type NamedArray, substream, bytesSource, openSafetensors } from '@tfjs-peft/peft-core';
import { normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import { writeSafetensors, openShardedSafetensors } from '@tfjs-peft/peft-core/files';
import { describe, expect, it } from '@jest/globals';
import { describeEncoder } from '../architecture/encoder.js';
import type { EncoderConfig } from '../architecture/family.js';
import { parseHostConfig } from '../architecture/parse-host-config.js';
import { tinyBertConfig, tinyHostConfig } from '../encoder/create-random-host.js';
import { expectedTensors } from './expected-tensors.js';
import { fingerprintHost } from './fingerprint.js';
import { type LoadedTensor, readWeights } from './read-weights.js';
import { memoryTensorSource, type TensorSource } from './tensor-source.js';

const config = parseHostConfig(
  tinyBertConfig({ hiddenSize: 8, numAttentionHeads: 2, intermediateSize: 12, vocabSize: 10 }),
  'tiny',
);
type Arrays = Map<string, NamedArray>;

const checkpoint = (rename = (path: string) => path, withPooler = true): Arrays =>
  new Map(
    expectedTensors(describeEncoder(config, withPooler)).map(({ path, shape }) => {
      const data = normals(substream(createStream(1), path), sizeOf(shape));
      return [rename(path), { shape, data }];
    }),
  );
const read = (arrays: Arrays, used = config) => readAll(used, memoryTensorSource(arrays), 'some-model');
async function readAll(used: EncoderConfig, source: TensorSource, name: string) {
  const tensors = new Map<string, LoadedTensor>();
  return {
    ...(await readWeights(
      used,
      source,
      name,
      () =>
        (...taken) =>
          void tensors.set(...taken),
    )),
    tensors,
  };
}
const failure = (code: string, ...texts: string[]) => ({
  code,
  message: expect.stringMatching(new RegExp(texts.map((text) => text.replace(/[.[\]]/g, '\\$&')).join('[^]*'))),
});

describe('readWeights', () => {
  it('finds tensors with and without prefix, with old names, in any order: one fingerprint', async () => {
    const { fingerprint, tensors, encoder } = await read(checkpoint());
    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(encoder.pooler).toBeDefined();
    const renamed = [
      checkpoint((path) => `bert.${path}`),
      checkpoint((path) =>
        path.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
      ),
      new Map([...checkpoint()].reverse()),
    ];
    for (const arrays of renamed) {
      const other = await read(arrays);
      expect(other.fingerprint).toBe(fingerprint);
      expect([...other.tensors.keys()]).toEqual([...tensors.keys()]);
    }
  });

  it('transposes weights of affine maps and nothing else', async () => {
    const arrays = checkpoint();
    const { tensors } = await read(arrays);
    const stored = arrays.get('encoder.layer.0.intermediate.dense.weight')!;
    const kernel = tensors.get('encoder.layer.0.intermediate.dense.weight')!;
    expect([stored.shape, kernel.shape]).toEqual([
      [12, 8],
      [8, 12],
    ]);
    for (let row = 0; row < 12; row++)
      for (let column = 0; column < 8; column++)
        expect(kernel.data[column * 12 + row]).toBe(stored.data[row * 8 + column]);
    expect(tensors.get('embeddings.word_embeddings.weight')).toEqual(arrays.get('embeddings.word_embeddings.weight'));
  });

  it('reads a checkpoint without pooler, and ignores buffers and heads but names the heads', async () => {
    const extra = { shape: [1, 64], data: new Float32Array(64) };
    const arrays = checkpoint(undefined, false)
      .set('embeddings.position_ids', extra)
      .set('classifier.weight', extra)
      .set('cls.predictions.bias', extra);
    const { encoder, ignored, fingerprint } = await read(arrays);
    expect(encoder.pooler).toBeUndefined();
    expect(ignored).toEqual(['classifier.weight', 'cls.predictions.bias']);
    expect(fingerprint).toBe((await read(checkpoint(undefined, false))).fingerprint);
    expect(fingerprint).not.toBe((await read(checkpoint())).fingerprint);
  });

  it('gives another fingerprint for one changed number, another architecture, but not for other dropout', async () => {
    const { fingerprint } = await read(checkpoint());
    const changed = checkpoint();
    const { data } = changed.get('encoder.layer.1.output.dense.weight')!;
    data[3] = data[3]! + 1e-6;
    expect((await read(changed)).fingerprint).not.toBe(fingerprint);
    expect((await read(checkpoint(), { ...config, layerNormEpsilon: 1e-5 })).fingerprint).not.toBe(fingerprint);
    expect((await read(checkpoint(), { ...config, hiddenDropout: 0.3 })).fingerprint).toBe(fingerprint);
  });

  it('does not count the order of tensors in the fingerprint', () => {
    const digests = [...checkpoint()].map(([path, { shape }], i) => [path, { shape, digest: String(i) }] as const);
    expect(fingerprintHost(config, new Map([...digests].reverse()))).toBe(fingerprintHost(config, new Map(digests)));
  });

  it('has one fingerprint for one file, several shards, and F16 next to the same numbers in F32', async () => {
    const quarters = new Map(
      [...checkpoint()].map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((x) => Math.round(4 * x) / 4) },
      ]),
    );
    const names = [...quarters.keys()];
    const write = (keys: readonly string[], dtype: 'F32' | 'F16' = 'F32') =>
      writeSafetensors(new Map(keys.map((key) => [key, { ...quarters.get(key)!, dtype }])));
    const open = (bytes: Uint8Array) => openSafetensors(bytesSource('model.safetensors', bytes));
    const shards = { 'a.safetensors': names.slice(0, 10), 'b.safetensors': names.slice(10) };
    const homes = Object.entries(shards).flatMap(([shard, keys]) => keys.map((key) => [key, shard]));
    const sharded = await openShardedSafetensors(
      JSON.stringify({ weight_map: Object.fromEntries(homes) }),
      async (shard) => bytesSource(shard, write(shards[shard as keyof typeof shards])),
    );
    const { fingerprint } = await readAll(config, await open(write(names)), 'whole');
    expect((await readAll(config, sharded, 'sharded')).fingerprint).toBe(fingerprint);
    expect((await readAll(config, await open(write(names, 'F16')), 'halves')).fingerprint).toBe(fingerprint);
  });

  it('names a tensor that is missing, with near misses', async () => {
    const arrays = checkpoint();
    arrays.delete('encoder.layer.1.attention.self.key.bias');
    await expect(read(arrays)).rejects.toMatchObject(
      failure('TENSOR_MISSING', 'some-model', 'encoder.layer.1.attention.self.key.bias', 'shape [8]'),
    );
    const halfPooler = checkpoint();
    halfPooler.delete('pooler.dense.bias');
    await expect(read(halfPooler)).rejects.toMatchObject(failure('TENSOR_MISSING', 'pooler.dense.bias'));
  });

  it('names a tensor of another shape with both shapes', async () => {
    const arrays = checkpoint((path) => `bert.${path}`);
    arrays.set('bert.encoder.layer.0.output.dense.weight', { shape: [12, 8], data: new Float32Array(96) });
    await expect(read(arrays)).rejects.toMatchObject(
      failure('TENSOR_MISSHAPEN', 'bert.encoder.layer.0.output.dense.weight', '[12, 8]', '[8, 12]'),
    );
  });

  it('names tensors that nothing knows, such as a layer too many', async () => {
    const arrays = checkpoint().set('encoder.layer.2.output.dense.bias', { shape: [8], data: new Float32Array(8) });
    await expect(read(arrays)).rejects.toMatchObject(failure('TENSOR_UNEXPECTED', 'encoder.layer.2.output.dense.bias'));
  });

  it('refuses a tensor that is there twice', async () => {
    const arrays = checkpoint().set('bert.pooler.dense.bias', { shape: [8], data: new Float32Array(8) });
    await expect(read(arrays)).rejects.toMatchObject(
      failure('TENSOR_UNEXPECTED', 'pooler.dense.bias', 'bert.pooler.dense.bias'),
    );
  });
});

describe.each([
  ['roberta', 'roberta', 'encoder.layer.0.attention.self.query', ['lm_head.bias', 'classifier.out_proj.weight']],
  ['xlm-roberta', 'roberta', 'encoder.layer.0.attention.self.query', ['lm_head.bias', 'classifier.dense.bias']],
  [
    'distilbert',
    'distilbert',
    'transformer.layer.0.attention.q_lin',
    [
      'vocab_transform.bias',
      'vocab_layer_norm.weight',
      'vocab_projector.bias',
      'pre_classifier.bias',
      'classifier.bias',
    ],
  ],
] as const)('readWeights of %s', (modelType, prefix, query, heads) => {
  const sizes = { hiddenSize: 8, numAttentionHeads: 2, intermediateSize: 12, vocabSize: 10 };
  const own = parseHostConfig(tinyHostConfig({ modelType, ...sizes }), 'tiny');
  const stored = (rename = (path: string) => path): Arrays =>
    new Map(
      expectedTensors(describeEncoder(own, true)).map(({ path, shape }) => [
        rename(path),
        { shape, data: normals(substream(createStream(1), path), sizeOf(shape)) },
      ]),
    );
  const extra = { shape: [3], data: new Float32Array(3) };

  it('finds tensors with and without the prefix of the base model, and names the heads that it ignores', async () => {
    const { fingerprint } = await read(stored(), own);
    const whole = stored((path) => `${prefix}.${path}`).set(`${prefix}.embeddings.position_ids`, extra);
    for (const head of heads) whole.set(head, extra);
    const loaded = await read(whole, own);
    expect(loaded.fingerprint).toBe(fingerprint);
    expect(loaded.ignored).toEqual(heads);
  });

  it('names tensors that are missing, misshapen or of another family', async () => {
    const missing = stored((path) => `${prefix}.${path}`);
    missing.delete(`${prefix}.${query}.bias`);
    await expect(read(missing, own)).rejects.toMatchObject(
      failure('TENSOR_MISSING', 'some-model', `${query}.bias`, 'shape [8]', `"${prefix}."`),
    );
    const misshapen = stored().set(`${query}.weight`, { shape: [8, 9], data: new Float32Array(72) });
    await expect(read(misshapen, own)).rejects.toMatchObject(
      failure('TENSOR_MISSHAPEN', `${query}.weight`, '[8, 9]', '[8, 8]'),
    );
    const unexpected = stored().set('encoder.layer.0.attention.self.distance_embedding.weight', extra);
    await expect(read(unexpected, own)).rejects.toMatchObject(failure('TENSOR_UNEXPECTED', 'distance_embedding'));
    await expect(read(checkpoint(), own)).rejects.toMatchObject({ code: expect.stringMatching(/^TENSOR_/) });
  });

  it('has another fingerprint than the same tensors under another type', async () => {
    const { fingerprint } = await read(stored(), own);
    const other = { ...own, padTokenId: own.padTokenId + 1 };
    expect((await read(stored(), other)).fingerprint).not.toBe(fingerprint);
  });
});

describe('readWeights of DistilBERT', () => {
  it('refuses a pooler, which the family does not have', async () => {
    const own = parseHostConfig(tinyHostConfig({ modelType: 'distilbert' }), 'tiny');
    const arrays: Arrays = new Map(
      expectedTensors(describeEncoder(own, true)).map(({ path, shape }) => [
        path,
        { shape, data: new Float32Array(sizeOf(shape)) },
      ]),
    );
    arrays.set('pooler.dense.bias', { shape: [32], data: new Float32Array(32) });
    await expect(read(arrays, own)).rejects.toMatchObject(
      failure('TENSOR_UNEXPECTED', 'pooler.dense.bias', 'DistilBERT'),
    );
  });
});
