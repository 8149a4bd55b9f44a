import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AdapterFiles,
  composeDefinition,
  countParameters,
  createRegistry,
  createStream,
  headDefinition,
  type Host,
  initialValues,
  loadAdapter,
  runAdapter,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import type { MethodDefinition } from '@tfjs-peft/peft-core/authoring';
import { createHost, createRandomHost, openModelDirectory } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { prompt, pTuningDefinition, promptDefinition } from '../src/index.js';

useTestBackend();

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const registry = createRegistry(
  promptDefinition as unknown as MethodDefinition,
  pTuningDefinition as unknown as MethodDefinition,
  headDefinition as unknown as MethodDefinition,
  composeDefinition,
);
const [configName, tensorsName] = ['adapter_config.json', 'adapter_model.safetensors'] as const;
const read = async (path: string): Promise<AdapterFiles> =>
  new Map(
    await Promise.all(
      [configName, tensorsName].map(
        async (file) => [file, new Uint8Array(await readFile(at(`${path}/${file}`)))] as const,
      ),
    ),
  );
const goldenOf = (name: string) => read(`goldens/${name}`);
const jsonOf = (files: AdapterFiles) =>
  JSON.parse(new TextDecoder().decode(files.get(configName))) as Record<string, unknown>;

let host: Host;
let expected: {
  input_ids: number[][];
  attention_mask: number[][];
  base_logits: number[][];
  cases: Record<string, { logits: number[][]; trainable: number }>;
};
beforeAll(async () => {
  const model = await openModelDirectory(at('../../transformer/test/tiny-bert'));
  host = await createHost({ config: model.config, tensors: model.tensors, name: 'tiny-bert', onIgnored: () => {} });
  await model.close();
  expected = JSON.parse(await readFile(at('goldens/expected.json'), 'utf8'));
});

const inputs = () => ({
  inputIds: tf.tensor2d(expected.input_ids, undefined, 'int32'),
  attentionMask: tf.tensor2d(expected.attention_mask, undefined, 'int32'),
});
const largestDifference = async (logits: tf.Tensor, target: number[][]) =>
  Math.max(...(await logits.sub(tf.tensor2d(target)).abs().data()));

describe.each(['prompt', 'ptuning'])('the %s adapter of HF peft', (name) => {
  it('gives the logits that HF peft gave', async () => {
    const adapter = await loadAdapter(await goldenOf(name), host, registry);
    const { logits } = runAdapter(host, adapter, inputs());
    expect(await largestDifference(logits!, expected.cases[name]!.logits)).toBeLessThan(1e-5);
    expect(await largestDifference(logits!, expected.base_logits)).toBeGreaterThan(1e-2);
  });

  it('has the size that HF peft counts', async () => {
    const { method } = await loadAdapter(await goldenOf(name), host, registry);
    expect(countParameters(method.plan(host.spec)).trainable).toBe(expected.cases[name]!.trainable);
  });

  it('is saved to the same bytes, and to the same entries', async () => {
    const files = await goldenOf(name);
    const { extraConfig, ...adapter } = await loadAdapter(files, host, registry);
    const saved = await saveAdapter(adapter, host, { extraConfig });
    expect(Buffer.from(saved.get(tensorsName)!).equals(Buffer.from(files.get(tensorsName)!))).toBe(true);
    // HF peft lists both heads twice for prompt learning.
    expect(jsonOf(saved)).toEqual({ ...jsonOf(files), modules_to_save: ['classifier', 'score'] });
    const record = JSON.parse(new TextDecoder().decode(saved.get('tfjs_peft.json'))) as { differences: string[] };
    expect(record.differences).toEqual([]);
    const again = await loadAdapter(saved, host, registry);
    expect(again.method.parts!.map(({ type }) => type)).toEqual(adapter.method.parts!.map(({ type }) => type));
  });

  it('without its head, as peft 0.15.0 to 0.16.0 wrote it, is refused with the reason', async () => {
    const adapter = await loadAdapter(await goldenOf(name), host, registry);
    const [rows] = adapter.method.parts!;
    const bare = await saveAdapter(
      { ...adapter, method: rows!, effective: new Map([...adapter.effective].slice(0, 1)) },
      host,
    );
    const { peft_version: _version, ...config } = jsonOf(bare);
    const files = new Map([
      [configName, new TextEncoder().encode(JSON.stringify(config))],
      [tensorsName, bare.get(tensorsName)!],
    ]);
    await expect(loadAdapter(files, host, registry)).rejects.toMatchObject({
      code: 'HEAD_MISSING',
      message: expect.stringContaining('0.15.0'),
    });
  });

  const shared = `../../../../shared/peft-fixtures/adapters/${name}`;
  if (!existsSync(at(shared))) console.log(`skipped: no ${at(shared)}`);
  (existsSync(at(shared)) ? it : it.skip)('is the one of the shared fixtures', async () => {
    expect(await read(shared)).toEqual(await goldenOf(name));
  });
});

it('says that HF numbers padding on the left of a prompt on RoBERTa, and nowhere else', async () => {
  const differencesOn = async (modelType: 'roberta' | 'bert') => {
    const random = await createRandomHost({ modelType });
    const method = prompt({ length: 2, initialisation: 'normal' });
    const effective = toParameters(initialValues(method.plan(random.spec), createStream(1)));
    const saved = await saveAdapter({ method, effective, hostFingerprint: random.spec.fingerprint }, random, {
      extraConfig: { task_type: 'FEATURE_EXTRACTION' },
    });
    random.dispose();
    return (JSON.parse(new TextDecoder().decode(saved.get('tfjs_peft.json'))) as { differences: string[] }).differences;
  };
  expect(await differencesOn('roberta')).toEqual([expect.stringMatching(/^padding on the left/)]);
  expect(await differencesOn('bert')).toEqual([]);
});
