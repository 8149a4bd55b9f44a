import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { adapter } from '@tfjs-peft/adapter';
import { convertFolder, exportFolder, mergeFolder, openPredictor } from '@tfjs-peft/eval';
import { writeAdapterFolder } from '@tfjs-peft/eval/run-folder';
import { ia3 } from '@tfjs-peft/ia3';
import { lora } from '@tfjs-peft/lora';
import {
  bytesSource,
  compose,
  createStream,
  head,
  initialValues,
  openSafetensors,
  type PeftMethod,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { writeSafetensors } from '@tfjs-peft/peft-core/files';
import { prefix } from '@tfjs-peft/prefix';
import { prompt } from '@tfjs-peft/prompt';
import { subspace } from '@tfjs-peft/subspace';
import { createRandomDecoder, loadHost, saveHost, tinyDecoderConfig } from '@tfjs-peft/transformer';
import { unipelt } from '@tfjs-peft/unipelt';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { temporaryFolder, writeTinyModel } from './tiny-model.js';

useTestBackend();
const backend = 'current' as const;
const labels = ['down', 'level', 'up'];
const texts = ['w1 good w2', 'w3 bad w4 w5 w6 w7', 'w5', 'good good bad w19 w18 w17 w16'];
let root = '';
let model = '';
let count = 0;

beforeAll(async () => {
  root = temporaryFolder();
  model = await writeTinyModel(join(root, 'tiny-bert'));
});

/** The folder of an adapter whose numbers are no initial values. */
async function adapterFolder(method: PeftMethod): Promise<string> {
  const { host } = await loadHost(model, { name: model });
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(3)));
  const effective = new Map(
    [...effectiveParameters(method, raw, host.spec)].map(([name, tensor], index) => [
      name,
      tensor.add(tf.randomNormal(tensor.shape, 0, 0.2, 'float32', index + 1)),
    ]),
  );
  const made = { method, effective, hostFingerprint: host.spec.fingerprint };
  const folder = join(root, `adapter-${count++}`);
  await writeAdapterFolder(folder, await saveAdapter(made, host, { baseModelNameOrPath: model }));
  return folder;
}

const newFolder = () => join(root, `output-${count++}`);
const classifier = (options: Partial<Parameters<typeof head>[0]> = {}) =>
  head({ labels, readout: 'pooler', ...options });
const read = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

async function probabilities(folder: string): Promise<number[]> {
  const predictor = await openPredictor(folder, { backend, model: undefined });
  const found = (await predictor.predict(texts)).flatMap((one) => Object.values(one.probabilities));
  predictor.dispose();
  return found;
}

const expectClose = (found: readonly number[], expected: readonly number[], tolerance: number) => {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, index) => expect(Math.abs(value - expected[index]!)).toBeLessThan(tolerance));
};

describe('mergeFolder', () => {
  it.each<[string, () => PeftMethod]>([
    ['a LoRA', () => compose(lora(), classifier())],
    ['LoRA and IA3', () => compose(lora(), ia3(), classifier())],
    ['a simplex, as its midpoint', () => subspace(compose(lora(), classifier()), { vertices: 2 })],
    ['a head alone with a dense layer in place of the pooler', () => classifier({ readout: 'cls', hidden: 'tanh' })],
  ])('writes a model that predicts the same: %s', async (_what, make) => {
    const folder = await adapterFolder(make());
    const output = newFolder();
    const before = tf.memory().numTensors;
    const merged = await mergeFolder(folder, { output, backend, maxTokens: 24 });
    expect(tf.memory().numTensors).toBe(before);
    expect(merged.difference).toBeLessThan(1e-5);
    expect(merged.largestLogit).toBeGreaterThan(0.1);
    expectClose(await probabilities(output), await probabilities(folder), 1e-5);
    expect(readdirSync(output).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(read(output, 'config.json')).toMatchObject({
      architectures: ['BertForSequenceClassification'],
      id2label: { 0: 'down', 1: 'level', 2: 'up' },
      label2id: { down: 0, level: 1, up: 2 },
      problem_type: 'single_label_classification',
      hidden_size: 32,
    });
    expect(read(output, 'tokenizer_config.json')).toMatchObject({ model_max_length: 24, pad_token: '[PAD]' });
  });

  it('is a whole model, for which no host is named', async () => {
    const output = newFolder();
    await mergeFolder(await adapterFolder(classifier()), { output, backend });
    for (const option of [{ model }, { model: undefined, revision: 'main' }])
      await expect(openPredictor(output, { backend, ...option })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('stores halves on request and says what that costs', async () => {
    const folder = await adapterFolder(compose(lora(), classifier()));
    const [whole, half] = [newFolder(), newFolder()];
    const { bytes } = await mergeFolder(folder, { output: whole, backend });
    const merged = await mergeFolder(folder, { output: half, backend, dtype: 'f16' });
    expect(merged.bytes).toBeLessThan(0.65 * bytes);
    expect(merged.difference).toBeGreaterThan(1e-6);
    expect(merged.difference).toBeLessThan(2e-2);
    expect(read(half, 'config.json').dtype).toBe('float16');
  });

  it('refuses what no weight holds and heads that HF has not, with the way out, and writes nothing', async () => {
    const output = newFolder();
    const refused = async (method: PeftMethod, error: object) =>
      expect(mergeFolder(await adapterFolder(method), { output, backend })).rejects.toMatchObject(error);
    const withPrefix = compose(prefix({ prefixLength: 2 }), classifier());
    await refused(withPrefix, {
      code: 'NOT_MERGEABLE',
      text: { found: expect.stringContaining('PREFIX_TUNING'), fix: expect.stringContaining('export') },
    });
    await refused(compose(adapter(), classifier()), { code: 'NOT_MERGEABLE' });
    await refused(compose(lora(), classifier({ readout: 'mean' })), {
      code: 'HEAD_NOT_IN_HF',
      text: { fix: expect.stringContaining('--set model.readout=pooler') },
    });
    expect(readdirSync(root)).not.toContain(output.split('/').at(-1));
    expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('never deletes what lies in the output folder', async () => {
    const output = newFolder();
    mkdirSync(output);
    writeFileSync(join(output, 'thesis.txt'), 'mine');
    const folder = await adapterFolder(compose(lora(), classifier()));
    for (const write of [mergeFolder, exportFolder])
      await expect(write(folder, { output, backend })).rejects.toMatchObject({ code: 'OUTPUT_NOT_EMPTY' });
    expect(readdirSync(output)).toEqual(['thesis.txt']);
  });
});

describe('exportFolder', () => {
  it.each<[string, () => PeftMethod]>([
    ['a prefix on the mean', () => compose(prefix({ prefixLength: 3 }), classifier({ readout: 'mean' }))],
    [
      'all together',
      () => compose(prefix({ prefixLength: 3 }), lora(), ia3(), prompt({ length: 2 }), adapter(), classifier()),
    ],
    [
      'a simplex of prefixes',
      () => subspace(compose(prefix({ prefixLength: 3 }), classifier({ readout: 'cls' })), { vertices: 2 }),
    ],
  ])('writes an ONNX model that computes the same: %s', async (_what, make) => {
    const folder = await adapterFolder(make());
    const output = newFolder();
    const before = tf.memory().numTensors;
    const exported = await exportFolder(folder, { output, backend, maxTokens: 24 });
    expect(tf.memory().numTensors).toBe(before);
    expect(exported.difference).toBeLessThan(1e-5);
    expect(exported.largestLogit).toBeGreaterThan(0.1);
    expect(readdirSync(join(output, 'onnx'))).toEqual(['model.onnx']);
    expect(read(output, 'config.json')).toMatchObject({
      architectures: ['BertForSequenceClassification'],
      id2label: { 0: 'down', 1: 'level', 2: 'up' },
    });
    expect(read(output, 'tokenizer_config.json')).toMatchObject({
      model_max_length: 24,
      tokenizer_class: 'BertTokenizer',
    });
  });

  it('leaves room for virtual tokens where nothing says how long texts may be', async () => {
    const folder = await adapterFolder(compose(prompt({ length: 5 }), classifier()));
    const { maxTokens } = await exportFolder(folder, { output: newFolder(), backend });
    expect(maxTokens).toBe(64 - 5);
    await expect(exportFolder(folder, { output: newFolder(), backend, maxTokens: 60 })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    });
  });

  it('refuses functions that are not data, by the name of their method', async () => {
    const folder = await adapterFolder(compose(unipelt(compose(prefix({ prefixLength: 2 }), lora())), classifier()));
    await expect(exportFolder(folder, { output: newFolder(), backend })).rejects.toMatchObject({
      code: 'NOT_EXPORTABLE',
      text: { found: expect.stringContaining('UNIPELT') },
    });
  });
});

describe('convertFolder', () => {
  it('writes the head with the labels that it was given', async () => {
    const folder = await adapterFolder(compose(lora(), classifier()));
    const output = newFolder();
    const before = tf.memory().numTensors;
    await convertFolder(folder, { output, to: 'hf', model, backend, labels: ['a', 'b', 'c'] });
    expect(tf.memory().numTensors).toBe(before);
    const predictor = await openPredictor(output, { backend, model });
    expect(predictor.labels).toEqual(['a', 'b', 'c']);
    const found = (await predictor.predict(texts)).flatMap((one) => Object.values(one.probabilities));
    predictor.dispose();
    expectClose(found, await probabilities(folder), 1e-7);
    for (const wrong of [
      ['a', 'b'],
      ['a', 'b', 'b'],
    ])
      await expect(
        convertFolder(folder, { output: newFolder(), to: 'hf', model, backend, labels: wrong }),
      ).rejects.toMatchObject({ code: 'LABELS_MISMATCH' });
  });

  it('writes for AdapterHub what it reads back from there, and says that the head is left out', async () => {
    const folder = await adapterFolder(compose(adapter({ scale: 4 }), classifier()));
    const [hub, again] = [newFolder(), newFolder()];
    const { differences, files } = await convertFolder(folder, {
      output: hub,
      to: 'adapter-hub',
      name: 'mine',
      backend,
    });
    expect(files).toEqual(['adapter_config.json', 'adapter.safetensors']);
    expect(differences).toEqual([expect.stringContaining('head is left out')]);
    expect(readFileSync(join(hub, 'adapter_config.json'), 'utf8')).toContain('"scaling": 4.0');
    const back = await convertFolder(hub, { output: again, to: 'hf', model, backend });
    expect(back).toMatchObject({ from: 'adapter-hub', to: 'hf' });
    expect(back.differences.join()).toContain('no counterpart of BOTTLENECK_ADAPTER');
    const numbers = (path: string) => tensorsOf(readFileSync(path));
    expect(await numbers(join(again, 'adapter_model.safetensors'))).toEqual(
      await numbers(join(folder, 'adapter_model.safetensors')),
    );
  });

  it('reads LoRA of mlx-lm for HF peft', async () => {
    const mlx = newFolder();
    mkdirSync(mlx);
    const at = 'encoder.layer.0.attention.self.query';
    const factor = (shape: [number, number]) => ({ shape, data: new Float32Array(shape[0] * shape[1]).fill(0.5) });
    writeFileSync(
      join(mlx, 'adapters.safetensors'),
      writeSafetensors(
        new Map([
          [`${at}.lora_a`, factor([32, 2])],
          [`${at}.lora_b`, factor([2, 32])],
        ]),
      ),
    );
    writeFileSync(
      join(mlx, 'adapter_config.json'),
      '{"fine_tune_type":"lora","lora_parameters":{"rank":2,"scale":4.0}}',
    );
    const output = newFolder();
    expect(await convertFolder(mlx, { output, to: 'hf', model, backend })).toMatchObject({ from: 'mlx' });
    expect(read(output, 'adapter_config.json')).toMatchObject({ peft_type: 'LORA', r: 2, lora_alpha: 8 });
    const again = newFolder();
    const { from, differences } = await convertFolder(output, { output: again, to: 'mlx', model, backend });
    expect([from, differences.join()]).toEqual(['tfjs-peft', expect.stringContaining('language models alone')]);
    const tensors = await tensorsOf(readFileSync(join(again, 'adapters.safetensors')));
    const named = Object.entries(tensors).map(([name, value]) => [name.replace(/^bert\./, ''), value] as const);
    expect(Object.fromEntries(named)).toEqual(await tensorsOf(readFileSync(join(mlx, 'adapters.safetensors'))));
  });

  it('writes LoRA of a decoder under the names of mlx-lm, and reads these', async () => {
    const [decoder, folder, mlx, again] = [newFolder(), newFolder(), newFolder(), newFolder()];
    const sizes = { modelType: 'gpt2', vocabSize: 26, hiddenSize: 8, numAttentionHeads: 2 } as const;
    const host = await createRandomDecoder(sizes);
    mkdirSync(decoder);
    for (const [name, bytes] of await saveHost(host, { config: tinyDecoderConfig(sizes) }))
      writeFileSync(join(decoder, name), bytes);
    for (const name of ['tokenizer.json', 'tokenizer_config.json'])
      copyFileSync(join(model, name), join(decoder, name));
    const method = lora({ rank: 2, alpha: 4, targets: ['c_attn'] });
    const effective = toParameters(initialValues(method.plan(host.spec), createStream(3)));
    const made = { method, effective, hostFingerprint: host.spec.fingerprint };
    await writeAdapterFolder(folder, await saveAdapter(made, host, { baseModelNameOrPath: decoder }));
    const options = { model: decoder, backend };
    expect((await convertFolder(folder, { ...options, output: mlx, to: 'mlx' })).differences).toEqual([]);
    const written = await tensorsOf(readFileSync(join(mlx, 'adapters.safetensors')));
    expect(Object.keys(written).sort()).toEqual(
      [0, 1].flatMap((layer) => ['a', 'b'].map((letter) => `model.h.${layer}.attn.c_attn.lora_${letter}`)),
    );
    expect(await convertFolder(mlx, { ...options, output: again, to: 'hf' })).toMatchObject({ from: 'mlx' });
    const [found, expected] = [again, folder].map((each) => readFileSync(join(each, 'adapter_model.safetensors')));
    expect(await tensorsOf(found!)).toEqual(await tensorsOf(expected!));
    host.dispose();
  });

  it('refuses what it cannot write, by name', async () => {
    const folder = await adapterFolder(compose(lora(), classifier()));
    const output = newFolder();
    await expect(convertFolder(folder, { output, to: 'adapter-hub', backend })).rejects.toMatchObject({
      code: 'CONVERT_UNSUPPORTED',
      text: { found: expect.stringContaining('LORA') },
    });
  });
});

/** Numbers by name, without the head. */
async function tensorsOf(bytes: Uint8Array): Promise<Record<string, readonly number[]>> {
  const file = await openSafetensors(bytesSource('adapter', new Uint8Array(bytes)));
  const names = [...file.tensors.keys()].filter((name) => !name.startsWith('head.'));
  const entries = names.map(async (name) => [name, [...(await file.readFloat32(name))]] as const);
  return Object.fromEntries(await Promise.all(entries));
}
