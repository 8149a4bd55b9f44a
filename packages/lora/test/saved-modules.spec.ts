import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AdapterFiles,
  bytesSource,
  compose,
  composeDefinition,
  createRegistry,
  disposeParameters,
  head,
  headDefinition,
  type Host,
  initialValues,
  createStream,
  loadAdapter,
  mergeAdapter,
  type NamedArray,
  openSafetensors,
  runAdapter,
  saveAdapter,
  savedModules,
  savedModulesDefinition,
  toParameters,
} from '@tfjs-peft/peft-core';
import { readHostHead, writeSafetensors } from '@tfjs-peft/peft-core/files';
import type * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { lora, loraDefinition } from '../src/lora.js';
import { randomValues, smallHost, someInputs } from './small-host.js';

useTestBackend();

const registry = createRegistry(loraDefinition, headDefinition, composeDefinition, savedModulesDefinition);
const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
const pooler = 'base_model.model.bert.pooler.dense.weight';
const words = 'base_model.model.bert.embeddings.word_embeddings.weight';

let host: Host;
beforeAll(async () => {
  host = await smallHost();
});
afterAll(() => host.dispose());

const method = () =>
  compose(
    lora({ rank: 2 }),
    savedModules({ tensors: ['pooler.dense.weight', 'pooler.dense.bias'], modules: ['pooler'] }),
    head({ labels: ['a', 'b', 'c'], readout: 'pooler' }),
  );

/** The folder of HF peft that holds such an adapter, with the logits that it gives. */
async function written(): Promise<{ files: AdapterFiles; logits: Float32Array }> {
  const adapter = {
    method: method(),
    effective: randomValues(method(), host.spec),
    hostFingerprint: host.spec.fingerprint,
  };
  const files = await saveAdapter(adapter, host);
  return { files: new Map([...files].filter(([name]) => name !== 'tfjs_peft.json')), logits: await logitsOf(adapter) };
}

async function logitsOf(adapter: Parameters<typeof runAdapter>[1], on = host): Promise<Float32Array> {
  const { logits } = runAdapter(on, adapter, someInputs());
  return Float32Array.from(await logits!.data());
}

const changed = (files: AdapterFiles, changes: object): AdapterFiles => {
  const config = JSON.parse(new TextDecoder().decode(files.get(configName)));
  return new Map(files).set(configName, new TextEncoder().encode(JSON.stringify({ ...config, ...changes })));
};

async function tensorsOf(files: AdapterFiles): Promise<Map<string, NamedArray>> {
  const file = await openSafetensors(bytesSource(tensorsName, files.get(tensorsName)!));
  const arrays = new Map<string, NamedArray>();
  for (const [name, { shape }] of file.tensors) arrays.set(name, { shape, data: await file.readFloat32(name) });
  return arrays;
}

const withTensor = async (files: AdapterFiles, name: string, array: NamedArray): Promise<AdapterFiles> =>
  new Map(files).set(tensorsName, writeSafetensors(new Map([...(await tensorsOf(files)), [name, array]])));

const table = async (add = 0): Promise<NamedArray> => {
  const own = host.weight('embeddings.word_embeddings.weight');
  return { shape: own.shape, data: Float32Array.from(await own.data(), (value) => value + add) };
};

describe('modules that HF peft saves whole', () => {
  it('are loaded beside the method, act, merge and are saved again to the bit', async () => {
    const { files, logits } = await written();
    const { extraConfig, ...adapter } = await loadAdapter(files, host, registry);
    expect(adapter.method.parts?.map(({ type }) => type)).toEqual(['LORA', 'SAVED_MODULES', 'HEAD']);
    const difference = (other: Float32Array) => Math.max(...logits.map((value, i) => Math.abs(value - other[i]!)));
    expect(difference(await logitsOf(adapter))).toBeLessThan(1e-6);
    const { host: merged, rest } = await mergeAdapter(host, adapter);
    expect(difference(await logitsOf(rest!, merged))).toBeLessThan(1e-5);
    const again = await saveAdapter(adapter, host, { extraConfig });
    expect(again.get(tensorsName)).toEqual(files.get(tensorsName));
    const entries = JSON.parse(new TextDecoder().decode(again.get(configName)));
    expect(entries.modules_to_save).toEqual(['classifier', 'score', 'pooler']);
    const reloaded = await loadAdapter(again, host, registry);
    expect(difference(await logitsOf(reloaded))).toBeLessThan(1e-6);
    merged.dispose();
    for (const { effective } of [adapter, reloaded]) disposeParameters(effective);
  });

  it('hold whole values as torch has them, of which parameters are the differences', async () => {
    const { files } = await written();
    const stored = (await tensorsOf(files)).get(pooler)!;
    const own = host.weight('pooler.dense.weight') as tf.Tensor2D;
    const adapter = await loadAdapter(files, host, registry);
    const delta = adapter.effective.get('saved.pooler.dense.weight')!;
    const sum = own.add(delta).transpose();
    expect(Array.from(await sum.data())).toEqual(Array.from(stored.data, (value) => expect.closeTo(value, 6)));
    disposeParameters(adapter.effective);
  });

  it('must all be in the file', async () => {
    const { files } = await written();
    const tensors = await tensorsOf(files);
    tensors.delete(pooler);
    const cut = new Map(files).set(tensorsName, writeSafetensors(tensors));
    await expect(loadAdapter(cut, host, registry)).rejects.toMatchObject({
      code: 'TENSOR_MISSING',
      message: expect.stringContaining('"pooler"'),
    });
  });

  it('that the host does not have are refused by name', async () => {
    const { files } = await written();
    const other = changed(files, { modules_to_save: ['classifier', 'pooler', 'lm_head'] });
    await expect(loadAdapter(other, host, registry)).rejects.toMatchObject({
      code: 'CONFIG_KEY_UNSUPPORTED',
      message: expect.stringContaining('"lm_head"'),
    });
  });
});

describe('a table in the file of an adapter', () => {
  it('that is the host’s own is dropped, and the report says so', async () => {
    const { files } = await written();
    const adapter = await loadAdapter(await withTensor(files, words, await table()), host, registry);
    expect(adapter.report.dropped).toEqual([{ name: words, reason: expect.stringContaining('unchanged') }]);
    disposeParameters(adapter.effective);
  });

  it('that differs counts', async () => {
    const { files, logits } = await written();
    const adapter = await loadAdapter(await withTensor(files, words, await table(0.1)), host, registry);
    expect(adapter.effective.has('saved.embeddings.word_embeddings.weight')).toBe(true);
    expect(await logitsOf(adapter)).not.toEqual(logits);
    disposeParameters(adapter.effective);
  });

  it('of another number of tokens is refused', async () => {
    const { files } = await written();
    const larger = await withTensor(files, words, { shape: [21, 8], data: new Float32Array(168) });
    await expect(loadAdapter(larger, host, registry)).rejects.toMatchObject({ code: 'TENSOR_MISSHAPEN' });
  });
});

describe('the head of a checkpoint', () => {
  it('is read for an adapter that has none', async () => {
    const plain = lora({ rank: 2 });
    const own = head({ labels: ['x', 'y'], readout: 'pooler' });
    const [weight, bias] = [new Float32Array(16).map((_, i) => i / 8), Float32Array.from([1, -1])];
    const stored = new Map<string, NamedArray>([
      ['classifier.weight', { shape: [2, 8], data: weight }],
      ['classifier.bias', { shape: [2], data: bias }],
    ]);
    const found = readHostHead(stored, host.spec, 'weights', ['x', 'y'])!;
    expect(found.method.config).toEqual(own.config);
    const both = {
      method: compose(plain, found.method),
      effective: new Map([
        ...toParameters(initialValues(plain.plan(host.spec), createStream(1))),
        ...toParameters(found.effective),
      ]),
      hostFingerprint: host.spec.fingerprint,
    };
    expect([...(await logitsOf(both))].every(Number.isFinite)).toBe(true);
    expect(readHostHead(new Map(), host.spec, 'weights')).toBeUndefined();
    disposeParameters(both.effective);
  });
});
