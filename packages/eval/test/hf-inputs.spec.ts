import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { convertFolder, evaluateFolder, openPredictor } from '@tfjs-peft/eval';
import { readAdapterFolder, writeAdapterFolder } from '@tfjs-peft/eval/run-folder';
import { lora } from '@tfjs-peft/lora';
import {
  bytesSource,
  compose,
  createStream,
  head,
  initialValues,
  openSafetensors,
  padBatch,
  type PeftMethod,
  runAdapter,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { type JsonObject, type WritableTensor, writeSafetensors } from '@tfjs-peft/peft-core/files';
import { prefix } from '@tfjs-peft/prefix';
import { prompt } from '@tfjs-peft/prompt';
import { createRandomHost, loadHost, saveHost, tinyHostConfig } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { serveHub } from './hub-server.js';
import { temporaryFolder, writeSeparableTask, writeTinyModel } from './tiny-model.js';

useTestBackend();
const backend = 'current' as const;
let root = '';
let model = '';
const environment = { ...process.env };
afterEach(() => {
  process.env = { ...environment };
});
beforeAll(async () => {
  root = temporaryFolder();
  model = await writeTinyModel(join(root, 'model'));
});

const edit = (path: string, changes: JsonObject) =>
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as JsonObject), ...changes }));

/** An adapter for the tiny host with random values, in a folder of its own; `ours` keeps the record. */
async function makeAdapter(name: string, method: PeftMethod, config: JsonObject = {}, ours = false): Promise<string> {
  const { host, tokenizer } = await loadHost(model);
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(7)));
  const effective = effectiveParameters(method, raw, host.spec);
  const adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
  const files = new Map(await saveAdapter(adapter, host, { tokenizerDigest: tokenizer.digest }));
  if (!ours) files.delete('tfjs_peft.json');
  const folder = join(root, name);
  await writeAdapterFolder(folder, files);
  if (!ours) edit(join(folder, 'adapter_config.json'), config);
  tf.dispose([...raw.values(), ...effective.values()]);
  host.dispose();
  return folder;
}
async function tensorsOf(bytes: Uint8Array): Promise<Map<string, WritableTensor>> {
  const source = await openSafetensors(bytesSource('tensors', bytes));
  const tensors = new Map<string, WritableTensor>();
  for (const [name, { shape }] of source.tensors) tensors.set(name, { shape, data: await source.readFloat32(name) });
  return tensors;
}

const classifier = (labels = ['a', 'b']) =>
  compose(lora({ rank: 2, initialisation: 'random' }), head({ labels, readout: 'pooler' }));

/** The folder as a repository of the Hub's cache: blobs, links to them, a reference. */
function intoCache(home: string, name: string, folder: string, revision = 'main'): string {
  const commit = 'c0ffee'.padEnd(40, '0');
  const storage = join(home, 'hub', `models--${name.replace('/', '--')}`);
  const snapshot = join(storage, 'snapshots', commit);
  for (const path of ['blobs', 'refs', join('snapshots', commit)]) mkdirSync(join(storage, path), { recursive: true });
  readdirSync(folder).forEach((file, index) => {
    cpSync(join(folder, file), join(storage, 'blobs', String(index)));
    symlinkSync(`../../blobs/${index}`, join(snapshot, file));
  });
  writeFileSync(join(storage, 'refs', revision), commit);
  return snapshot;
}

describe('an adapter of HF peft', () => {
  it('that names a folder of another machine asks for the model', async () => {
    const folder = await makeAdapter('elsewhere', classifier(), {
      base_model_name_or_path: '/home/someone/models/bert',
    });
    await expect(openPredictor(folder, { backend })).rejects.toMatchObject({
      code: 'HOST_UNKNOWN',
      message: expect.stringContaining('--model'),
    });
    (await openPredictor(folder, { backend, model })).dispose();
  });

  it('is tested again without a simplex, by the labels of its base model', async () => {
    const named = join(root, 'named');
    cpSync(model, named, { recursive: true });
    edit(join(named, 'config.json'), { id2label: { 0: 'negative', 1: 'positive' } });
    const folder = await makeAdapter('tested', classifier());
    const file = writeSeparableTask(join(root, 'rows.csv'));
    const data = { file: { file, textColumn: 'text', labelColumn: 'label' }, shots: 16, testCap: 20, protocol: 'none' };
    const { results } = await evaluateFolder(folder, { backend, model: named, task: 'file', data: data as never });
    expect(Object.keys(results)).toEqual(['test']);
  });

  it('stands on the layers that a masked language model has below its classifier', async () => {
    const sizes = {
      modelType: 'modernbert',
      vocabSize: 40,
      hiddenSize: 16,
      intermediateSize: 24,
      numAttentionHeads: 2,
    } as const;
    const host = await createRandomHost(sizes);
    const { readout, hidden } = host.spec.classifier;
    const below = { readout, hidden: hidden!.activation, normalised: true } as const;
    const own = head({ labels: ['a', 'b'], ...below });
    const method = compose(lora({ rank: 2, targets: ['Wqkv'] }), own);
    const effective = toParameters(initialValues(method.plan(host.spec), createStream(3)));
    const adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
    const files = await saveHost(host, { config: tinyHostConfig(sizes), head: { ...adapter, method: own } });
    const folderOf = async (name: string, architecture: string, without: string) => {
      const folder = join(root, name);
      cpSync(model, folder, { recursive: true });
      const tensors = await tensorsOf(files.get('model.safetensors')!);
      for (const key of [...tensors.keys()]) if (key.startsWith(without)) tensors.delete(key);
      writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(tensors));
      writeFileSync(join(folder, 'config.json'), files.get('config.json')!);
      edit(join(folder, 'config.json'), { architectures: [architecture] });
      return folder;
    };
    const masked = await folderOf('masked', 'ModernBertForMaskedLM', 'classifier.');
    const bare = await folderOf('bare-modernbert', 'ModernBertModel', 'head.');
    const stored = new Map(await saveAdapter(adapter, host));
    stored.delete('tfjs_peft.json');
    const ofAdapter = await tensorsOf(stored.get('adapter_model.safetensors')!);
    for (const key of [...ofAdapter.keys()]) if (key.includes('.head.')) ofAdapter.delete(key);
    stored.set('adapter_model.safetensors', writeSafetensors(ofAdapter));
    const folder = join(root, 'on-masked');
    await writeAdapterFolder(folder, stored);
    const predictor = await openPredictor(folder, { backend, model: masked });
    const [prediction] = await predictor.predict(['w1 good w2']);
    const { inputIds, tokenTypeIds } = (await loadHost(masked)).tokenizer.encode('w1 good w2');
    const logits = await runAdapter(
      host,
      adapter,
      padBatch([{ inputIds, tokenTypeIds }], host.spec.padTokenId),
    ).logits!.data();
    const expected = 1 / (1 + Math.exp(logits[1]! - logits[0]!));
    expect(Object.values(prediction!.probabilities)[0]).toBeCloseTo(expected, 5);
    predictor.dispose();
    await expect(openPredictor(folder, { backend, model: bare })).rejects.toMatchObject({ code: 'TENSOR_MISSING' });
  });

  it('gets sigmoids where its base model has several labels a text', async () => {
    const several = join(root, 'several');
    cpSync(model, several, { recursive: true });
    edit(join(several, 'config.json'), {
      id2label: { 0: 'rude', 1: 'loud', 2: 'long' },
      problem_type: 'multi_label_classification',
    });
    const folder = await makeAdapter('multi', classifier(['x', 'y', 'z']));
    const answer = async (host: string) => {
      const predictor = await openPredictor(folder, { backend, model: host });
      const [prediction] = await predictor.predict(['w1 good w2']);
      predictor.dispose();
      return prediction!;
    };
    const [multi, single] = [await answer(several), await answer(model)];
    expect(Object.keys(multi.probabilities)).toEqual(['rude', 'loud', 'long']);
    expect(Object.keys(single.probabilities)).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
    const odds = Object.values(multi.probabilities).map((p) => p / (1 - p));
    const total = odds.reduce((a, b) => a + b);
    Object.values(single.probabilities).forEach((p, i) => expect(p).toBeCloseTo(odds[i]! / total, 6));
    expect(multi.labels).toEqual(Object.keys(multi.probabilities).filter((name) => multi.probabilities[name]! >= 0.5));
    expect(single.labels).toBeUndefined();
    // Ours says one label of all, which somebody must be told.
    const converted = async (host: string, name: string) =>
      (await convertFolder(folder, { backend, model: host, to: 'hf', output: join(root, name) })).differences;
    const told = expect.stringContaining('multi_label_classification');
    expect(await converted(several, 'multi-converted')).toContainEqual(told);
    expect(await converted(model, 'single-converted')).not.toContainEqual(told);
  });
});

describe('the cache of the Hub', () => {
  it('holds adapters and hosts by name, at the revision that the adapter names', async () => {
    const home = join(root, 'home');
    process.env.HF_HOME = home;
    process.env.HF_HUB_OFFLINE = '1';
    intoCache(home, 'org/base', model, 'v1');
    const folder = await makeAdapter('for-the-hub', classifier(), {
      base_model_name_or_path: 'org/base',
      revision: 'v1',
    });
    const snapshot = intoCache(home, 'org/adapter', folder, 'v2');
    for (const name of ['org/adapter@v2', snapshot]) (await openPredictor(name, { backend })).dispose();
    await expect(openPredictor('org/adapter', { backend })).rejects.toMatchObject({ code: 'HUB_OFFLINE' });
    await expect(openPredictor('org/adapter@v2', { backend, revision: 'v3' })).rejects.toMatchObject({
      code: 'HUB_OFFLINE',
      message: expect.stringContaining('"v3"'),
    });
  });

  it('is the only place where links are followed, and only to its own blobs', async () => {
    const home = join(root, 'other-home');
    const folder = await makeAdapter('linked', classifier());
    const snapshot = intoCache(home, 'org/linked', folder);
    expect((await readAdapterFolder(snapshot)).size).toBe(2);
    symlinkSync('/etc/hostname', join(snapshot, 'secret.json'));
    await expect(readAdapterFolder(snapshot)).rejects.toMatchObject({ code: 'ADAPTER_FILE_NOT_PLAIN' });
    const outside = join(root, 'outside');
    renameSync(snapshot, outside);
    await expect(readAdapterFolder(outside)).rejects.toMatchObject({ code: 'ADAPTER_FILE_NOT_PLAIN' });
  });
});

describe('an adapter by name', () => {
  it('comes from the Hub at its revision, its base at the one that it names, and needs no network afterwards', async () => {
    const folder = await makeAdapter('served', classifier(), { base_model_name_or_path: 'org/base', revision: 'v1' });
    const hub = await serveHub({
      'org/adapter': { folder, revision: 'v2' },
      'org/base': { folder: model, revision: 'v1' },
    });
    Object.assign(process.env, { HF_HOME: join(root, 'fresh-home'), HF_ENDPOINT: hub.endpoint });
    delete process.env.HF_HUB_OFFLINE;
    const answer = async (name: string, options = {}) => {
      const predictor = await openPredictor(name, { backend, ...options });
      const [prediction] = await predictor.predict(['w1 good w2']);
      predictor.dispose();
      return prediction!.probabilities;
    };
    const expected = await answer(folder, { model });
    expect(await answer('org/adapter@v2')).toEqual(expected);
    expect(hub.requests).toContain('/api/models/org/base/revision/v1');
    await expect(openPredictor('org/adapter@v3', { backend })).rejects.toMatchObject({
      name: 'PeftError',
      message: expect.stringContaining('v3'),
    });
    const asked = hub.requests.length;
    await hub.close();
    process.env.HF_HUB_OFFLINE = '1';
    expect(await answer('org/adapter@v2')).toEqual(expected);
    expect(hub.requests).toHaveLength(asked);
    await expect(openPredictor('org/adapter@main', { backend })).rejects.toMatchObject({ code: 'HUB_OFFLINE' });
  });
});

describe('what comes before the text', () => {
  it.each<[string, PeftMethod]>([
    ['a prompt', prompt({ length: 5, initialisation: 'normal' })],
    ['a prefix that shifts', prefix({ prefixLength: 5, positionPolicy: 'shift', reparametrisation: 'none' })],
  ])('%s counts in the limit of tokens', async (name, method) => {
    const whole = compose(method, head({ labels: ['a', 'b'], readout: 'pooler' }));
    const folder = await makeAdapter(`long ${name}`.replaceAll(' ', '-'), whole, {}, true);
    const predictor = await openPredictor(folder, { backend, model, maxTokens: 512 });
    const { host } = await loadHost(model);
    expect(predictor.maxTokens).toBe(host.spec.maxPositionEmbeddings - 5);
    host.dispose();
    const [prediction] = await predictor.predict(['w1 '.repeat(600)]);
    expect(prediction).toMatchObject({ truncated: true });
    predictor.dispose();
  });
});

describe('the tokenizer of an adapter', () => {
  it('is recorded, and another one is said', async () => {
    const folder = await makeAdapter('recorded', classifier(), {}, true);
    const other = join(root, 'other-tokenizer');
    cpSync(model, other, { recursive: true });
    edit(join(other, 'tokenizer_config.json'), { do_lower_case: false });
    const warnings: string[] = [];
    const onWarning = (text: string) => void warnings.push(text);
    (await openPredictor(folder, { backend, model, onWarning })).dispose();
    expect(warnings).toEqual([]);
    (await openPredictor(folder, { backend, model: other, onWarning })).dispose();
    expect(warnings).toEqual([expect.stringMatching(/another tokenizer/)]);
  });
});

const cases = fileURLToPath(new URL('../../../../shared/cases/', import.meta.url));
(existsSync(cases) ? describe : describe.skip)('inputs that users brought (skipped without ../shared)', () => {
  it.each([['roberta-lora-dense', 'roberta-with-pooler']])('%s gives the logits of HF', async (name, host) => {
    const { texts, logits } = JSON.parse(readFileSync(join(cases, name, 'expected-logits.json'), 'utf8')) as {
      texts: string[];
      logits: number[][];
    };
    const predictor = await openPredictor(join(cases, name), { backend, model: join(cases, host) });
    const predictions = await predictor.predict(texts);
    predictions.forEach(({ probabilities }, row) => {
      const [first, second] = Object.values(probabilities) as [number, number];
      expect(Math.log(first / second)).toBeCloseTo(logits[row]![0]! - logits[row]![1]!, 5);
    });
    predictor.dispose();
  });
});
