import { afterAll, describe, expect, it } from '@jest/globals';
import { evaluationContext, padBatch } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { readdir, rm, truncate } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { commit, startFakeHub } from '../../test/fake-hub.js';
import { type FilesOfModel, temporaryFolder, tinyModel, writeFiles } from '../../test/tiny-model.js';
import { loadHost, openModelDirectory } from './load-host.js';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function folderWith(files: FilesOfModel): Promise<string> {
  const folder = await temporaryFolder();
  folders.push(folder);
  return writeFiles(folder, files);
}
const without = (name: string, files = tinyModel()) =>
  Object.fromEntries(Object.entries(files).filter(([path]) => path !== name));
const withConfig = (changes: object): FilesOfModel => ({
  ...tinyModel(),
  'config.json': JSON.stringify({ ...(JSON.parse(String(tinyModel()['config.json'])) as object), ...changes }),
});
/** Weights of which one tensor ends in NaN. */
function withNan(): FilesOfModel {
  const files = tinyModel();
  const weights = new Uint8Array(files['model.safetensors'] as Uint8Array);
  const size = Number(new DataView(weights.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + size))) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const end = 8 + size + header['embeddings.LayerNorm.bias']!.data_offsets[1];
  new DataView(weights.buffer).setFloat32(end - 4, NaN, true);
  return { ...files, 'model.safetensors': weights };
}
async function readoutOf(files: FilesOfModel, options: Parameters<typeof loadHost>[1] = {}) {
  const { host } = await loadHost(await folderWith(files), options);
  host.dispose();
  return host.spec.defaultReadout;
}

describe('loadHost', () => {
  it('takes a name that is too long for any file as one of a missing file', async () => {
    const long = `${'x'.repeat(300)}.safetensors`;
    const { 'model.safetensors.index.json': index, ...files } = tinyModel({ sharded: true });
    const renamed = String(index).replaceAll('model-00002-of-00002.safetensors', long);
    const folder = await folderWith({ ...files, 'model.safetensors.index.json': renamed });
    await expect(loadHost(folder)).rejects.toMatchObject({ code: 'HOST_WEIGHTS_MISSING' });
    const pooling = JSON.stringify([{ path: 'x'.repeat(300), type: 'sentence_transformers.models.Pooling' }]);
    expect(await readoutOf({ ...tinyModel(), 'modules.json': pooling })).toBe('pooler');
  });

  it('gives a host that runs and its tokenizer, from one file or from shards', async () => {
    const features: number[][] = [];
    for (const sharded of [false, true]) {
      const folder = await folderWith(tinyModel({ sharded }));
      const { host, tokenizer, directory } = await loadHost(folder);
      expect(directory).toBe(folder);
      expect(host.spec).toMatchObject({ name: basename(folder), defaultReadout: 'pooler', hiddenSize: 8 });
      const text = tokenizer.encode('Hello worlds!', { maxTokens: 64 });
      expect(text).toEqual({ inputIds: [2, 4, 5, 6, 7, 3], tokenTypeIds: [0, 0, 0, 0, 0, 0], truncated: 0 });
      const batch = padBatch([text], tokenizer.padTokenId);
      const output = host.forward(batch, [], evaluationContext(host.spec, 1)).lastHiddenState;
      features.push([...(await output.data())]);
      tf.dispose([output, ...Object.values(batch)]);
      host.dispose();
    }
    expect(features[0]!.some((value) => value !== 0)).toBe(true);
    expect(features[1]).toEqual(features[0]);
  });

  it('takes a path, a file URL and the text of one', async () => {
    const folder = await folderWith(tinyModel());
    for (const source of [folder, `${folder}/`, pathToFileURL(folder), pathToFileURL(`${folder}/`).href]) {
      const { host } = await loadHost(source);
      expect(host.spec.name).toBe(basename(folder));
      host.dispose();
    }
    await expect(loadHost(new URL('https://example.com/model'))).rejects.toMatchObject({ code: 'HOST_SOURCE_INVALID' });
    await expect(loadHost('https://example.com/model')).rejects.toThrow(/loadHostFromUrl/);
  });

  it('takes a name of the Hub, as text or with a revision', async () => {
    const hub = await startFakeHub(tinyModel());
    const home = await temporaryFolder();
    folders.push(home);
    const options = { environment: { HF_HOME: home, HF_ENDPOINT: hub.endpoint } };
    for (const source of ['org/tiny', { name: 'org/tiny', revision: commit }]) {
      const { host, directory } = await loadHost(source, options);
      expect(host.spec.name).toBe('org/tiny');
      expect(directory).toBe(join(home, 'hub', 'models--org--tiny', 'snapshots', commit));
      host.dispose();
      const again = await loadHost(directory);
      expect(again.host.spec.name).toBe('org/tiny');
      again.host.dispose();
    }
    await hub.close();
  });

  it('prefers an existing folder to a name of the Hub', async () => {
    const folder = await folderWith(tinyModel());
    const before = process.cwd();
    process.chdir(join(folder, '..'));
    const { host } = await loadHost(basename(folder)).finally(() => process.chdir(before));
    expect(host.spec.name).toBe(basename(folder));
    host.dispose();
  });

  it('passes name, readout and dropout on', async () => {
    const folder = await folderWith(tinyModel());
    const { host } = await loadHost(folder, { name: 'mine', readout: 'mean' });
    expect(host.spec).toMatchObject({ name: 'mine', defaultReadout: 'mean' });
    host.dispose();
    await expect(loadHost(folder, { dropout: 2 })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  it('loads the embedded MiniLM as its package describes it', async () => {
    const folder = new URL('../../../minilm/model/', import.meta.url);
    const name = 'sentence-transformers/all-MiniLM-L6-v2';
    const { host, tokenizer } = await loadHost(folder, { name });
    expect(host.spec).toMatchObject({ name, defaultReadout: 'mean', hiddenSize: 384, numHiddenLayers: 6 });
    expect(tokenizer.encode('You have won', { maxTokens: 5 }).inputIds).toEqual([101, 2017, 2031, 2180, 102]);
    host.dispose();
  });

  it('keeps no file open', async () => {
    const open = async () => (await readdir('/proc/self/fd').catch(() => [])).length;
    const good = await folderWith(tinyModel({ sharded: true }));
    const bad = await folderWith(without('tokenizer.json'));
    const before = await open();
    for (let i = 0; i < 3; i++) {
      (await loadHost(good)).host.dispose();
      await expect(loadHost(bad)).rejects.toThrow();
    }
    expect(await open()).toBe(before);
  });

  it('leaks no tensors, also when it fails', async () => {
    const good = await folderWith(tinyModel());
    const bad = await folderWith(withConfig({ intermediate_size: 32 }));
    const before = tf.memory().numTensors;
    (await loadHost(good)).host.dispose();
    await expect(loadHost(bad)).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('the usual readout', () => {
  const pooling = (modes: object) => ({ ...tinyModel(), '1_Pooling/config.json': JSON.stringify(modes) });
  const modules = JSON.stringify([
    { path: '', type: 'sentence_transformers.models.Transformer' },
    { path: '2_P', type: 'sentence_transformers.models.Pooling' },
  ]);

  it.each([
    ['pooler without a hint', tinyModel(), {}, 'pooler'],
    ['mean by name', tinyModel(), { name: 'sentence-transformers/x' }, 'mean'],
    ['cls by name', tinyModel(), { name: 'BAAI/bge-small-en-v1.5' }, 'cls'],
    ['cls by the name in the configuration', withConfig({ _name_or_path: 'BAAI/bge-base-en' }), {}, 'cls'],
    ['mean by pooling module', pooling({ pooling_mode_mean_tokens: true, pooling_mode_cls_token: false }), {}, 'mean'],
    ['cls by pooling module', pooling({ pooling_mode_cls_token: true }), { name: 'sentence-transformers/x' }, 'cls'],
    [
      'the module that modules.json names',
      {
        ...pooling({ pooling_mode_cls_token: true }),
        'modules.json': modules,
        '2_P/config.json': '{"pooling_mode_mean_tokens":true}',
      },
      {},
      'mean',
    ],
    [
      'nothing from a pooling that we lack',
      pooling({ pooling_mode_max_tokens: true, pooling_mode_mean_tokens: true }),
      {},
      'pooler',
    ],
    [
      'mean by the newer form',
      pooling({ embedding_dimension: 8, pooling_mode: 'mean', include_prompt: true }),
      {},
      'mean',
    ],
    ['cls by the newer form', pooling({ pooling_mode: 'cls' }), { name: 'sentence-transformers/x' }, 'cls'],
    ['nothing from a pooling file of nonsense', { ...pooling([null]), 'modules.json': '[null, 3]' }, {}, 'pooler'],
    ['the choice of the caller before all', pooling({ pooling_mode_cls_token: true }), { readout: 'mean' }, 'mean'],
  ] as const)('is %s', async (_, files, options, readout) => {
    expect(await readoutOf(files as FilesOfModel, options)).toBe(readout);
  });
});

describe('a pooling that we lack', () => {
  it.each([[{ pooling_mode_max_tokens: true }], [{ pooling_mode: 'lasttoken' }], [{ pooling_mode: ['mean', 'max'] }]])(
    '%j is replaced with a warning that names it, unless the caller chooses',
    async (modes) => {
      const files = { ...tinyModel(), '1_Pooling/config.json': JSON.stringify(modes) };
      const warnings: string[] = [];
      const onWarning = (text: string) => void warnings.push(text);
      expect(await readoutOf(files, { onWarning })).toBe('pooler');
      expect(warnings).toEqual([expect.stringMatching(/1_Pooling.*(max|lasttoken).*not supported/)]);
      await readoutOf(files, { onWarning, readout: 'mean' });
      expect(warnings).toHaveLength(1);
    },
  );
});

describe('what config.json says of a classifier', () => {
  const hintsOf = async (changes: object) => {
    const { host, classifier } = await loadHost(await folderWith(withConfig(changes)));
    host.dispose();
    return classifier;
  };
  it('is read where it is whole', async () => {
    expect(await hintsOf({})).toEqual({ labels: undefined, multiLabel: false });
    expect(await hintsOf({ id2label: { 0: 'ham', 1: 'spam' }, problem_type: 'multi_label_classification' })).toEqual({
      labels: ['ham', 'spam'],
      multiLabel: true,
    });
    for (const id2label of [{ 0: 'ham', 2: 'spam' }, { 0: 1 }, ['a'], null])
      expect((await hintsOf({ id2label })).labels).toBe(undefined);
  });
});

describe('loadHost of broken folders', () => {
  const codeOf = async (files: FilesOfModel) => {
    const folder = await folderWith(files);
    return loadHost(folder).then(
      () => 'loaded',
      (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
    );
  };

  it.each([
    [
      'no configuration',
      without('config.json'),
      /^HOST_CONFIG_MISSING: no config.json in .*there are model.safetensors/,
    ],
    [
      'no weights',
      without('model.safetensors'),
      /^HOST_WEIGHTS_MISSING: no model.safetensors or model.safetensors.index.json/,
    ],
    [
      'weights of torch only',
      { ...without('model.safetensors'), 'pytorch_model.bin': 'x' },
      /^HOST_WEIGHTS_MISSING.*pytorch_model.bin.*convert once/,
    ],
    [
      'a missing shard',
      without('model-00002-of-00002.safetensors', tinyModel({ sharded: true })),
      /^HOST_WEIGHTS_MISSING: no model-00002-of-00002.safetensors, which model.safetensors.index.json names/,
    ],
    ['layers by the million', withConfig({ num_hidden_layers: 2e7 }), /^CONFIG_INVALID.*num_hidden_layers/],
    ['heads by the million', withConfig({ num_attention_heads: 2e9 }), /^CONFIG_INVALID.*num_attention_heads/],
    ['a hidden size beyond measure', withConfig({ hidden_size: 2 ** 40 }), /^CONFIG_INVALID.*hidden_size/],
    ['a vocabulary beyond measure', withConfig({ vocab_size: 2 ** 40 }), /^CONFIG_INVALID.*vocab_size/],
    ['positions beyond measure', withConfig({ max_position_embeddings: 2 ** 40 }), /^CONFIG_INVALID.*max_position/],
    ['numbers that are none', withNan(), /^VALUES_NOT_FINITE.*embeddings\.LayerNorm\.bias.*$/],
    ['no tokenizer', without('tokenizer.json'), /^HOST_TOKENIZER_MISSING: no tokenizer.json/],
    [
      'an old tokenizer only',
      { ...without('tokenizer.json'), 'vocab.txt': '[PAD]' },
      /^HOST_TOKENIZER_MISSING.*AutoTokenizer/,
    ],
    [
      'a Git LFS pointer',
      { ...tinyModel(), 'model.safetensors': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9' },
      /^HOST_WEIGHTS_LFS_POINTER.*git lfs pull/,
    ],
    ['a configuration that is no JSON', { ...tinyModel(), 'config.json': '<html>' }, /^JSON_INVALID: config.json/],
    ['a tokenizer that is no JSON', { ...tinyModel(), 'tokenizer.json': '{"model"' }, /^JSON_INVALID: tokenizer.json/],
    ['another architecture', withConfig({ model_type: 't5' }), /^HOST_UNSUPPORTED/],
    ['a configuration of another size', withConfig({ intermediate_size: 32 }), /^TENSOR_MISSHAPEN/],
    ['a tokenizer of another model', withConfig({ vocab_size: 5 }), /^TOKENIZER_MISMATCH: tokenizer.json has 8 tokens/],
  ])('explains %s', async (_, files, message) => {
    expect(await codeOf(files as FilesOfModel)).toMatch(message);
  });

  it('explains a truncated weights file, at any length', async () => {
    const size = tinyModel()['model.safetensors']!.length;
    for (const kept of [0, 7, 100, size >> 1, size - 1]) {
      const folder = await folderWith(tinyModel());
      await truncate(join(folder, 'model.safetensors'), kept);
      await expect(loadHost(folder)).rejects.toMatchObject({
        name: 'PeftError',
        code: expect.stringMatching(/SAFETENSORS/),
      });
    }
  });

  it('explains a file that shrinks while it is read', async () => {
    const folder = await folderWith(tinyModel());
    const model = await openModelDirectory(folder);
    await truncate(join(folder, 'model.safetensors'), 3000);
    const last = [...model.tensors.tensors.keys()].at(-1)!;
    await expect(model.tensors.readFloat32(last)).rejects.toMatchObject({ code: 'SAFETENSORS_TRUNCATED' });
    await model.close();
  });

  it('explains a folder that is not there, and a file in its place', async () => {
    const folder = await folderWith(tinyModel());
    await expect(loadHost(join(folder, 'no'))).rejects.toMatchObject({ code: 'HOST_DIRECTORY_MISSING' });
    await expect(loadHost('./no/such/folder')).rejects.toThrow(/no folder "\.\/no\/such\/folder"/);
    await expect(loadHost(join(folder, 'config.json'))).rejects.toThrow(/is a file.*pass the folder that it is in/);
  });
});

describe('openModelDirectory', () => {
  it('opens without reading tensors, and without a tokenizer', async () => {
    const folder = await folderWith(without('tokenizer.json'));
    const model = await openModelDirectory(folder);
    expect(model.config).toMatchObject({ model_type: 'bert', hidden_size: 8 });
    expect(model.tensors.tensors.get('pooler.dense.weight')?.shape).toEqual([8, 8]);
    expect(await model.tensors.readFloat32('pooler.dense.bias')).toHaveLength(8);
    await expect(model.readTokenizer()).rejects.toMatchObject({ code: 'HOST_TOKENIZER_MISSING' });
    await model.close();
    await model.close();
  });
});
