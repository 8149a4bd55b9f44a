import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AdapterFiles,
  composeDefinition,
  createRegistry,
  headDefinition,
  type Host,
  loadAdapter,
  mergeAdapter,
  runAdapter,
  saveAdapter,
} from '@tfjs-peft/peft-core';
import { canonicalJson, type JsonObject } from '@tfjs-peft/peft-core/files';
import { createHost, openModelDirectory } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { loraDefinition } from '../src/lora.js';
import { largest } from './small-host.js';

useTestBackend();

/** Adapters that HF peft 0.21.0 wrote, with the logits it computed. */
const folder = fileURLToPath(new URL('../../../../shared/peft-fixtures/', import.meta.url));
const there = existsSync(folder);
if (!there) console.log(`skipped: no ${folder}`);
const variants = ['lora', 'lora_bias_only', 'lora_dora', 'lora_embedding', 'lora_rslora_pattern'];

const registry = createRegistry(loraDefinition, headDefinition, composeDefinition);
const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
const readAdapter = (name: string): AdapterFiles =>
  new Map(
    [configName, tensorsName].map((file) => [file, new Uint8Array(readFileSync(`${folder}adapters/${name}/${file}`))]),
  );

(there ? describe : describe.skip)('lora adapters of HF peft', () => {
  let host: Host;
  let expected: {
    input_ids: number[][];
    attention_mask: number[][];
    base_logits: number[][];
    cases: Record<string, { logits: number[][]; trainable: number }>;
  };
  beforeAll(async () => {
    const model = await openModelDirectory(`${folder}base`);
    host = await createHost({ config: model.config, tensors: model.tensors, name: 'tiny-bert', onIgnored: () => {} });
    await model.close();
    expected = JSON.parse(readFileSync(`${folder}expected.json`, 'utf8'));
  });
  afterAll(() => host.dispose());

  const inputs = () => ({
    inputIds: tf.tensor2d(expected.input_ids, undefined, 'int32'),
    attentionMask: tf.tensor2d(expected.attention_mask, undefined, 'int32'),
  });
  const far = (logits: tf.Tensor, target: number[][]) => largest(logits.sub(tf.tensor2d(target)));

  it.each(variants)('%s gives the logits that HF peft gave, merged too', async (name) => {
    const adapter = await loadAdapter(readAdapter(name), host, registry);
    const { logits, trainable } = expected.cases[name]!;
    expect(await far(runAdapter(host, adapter, inputs()).logits!, logits)).toBeLessThan(1e-5);
    expect(await far(runAdapter(host, adapter, inputs()).logits!, expected.base_logits)).toBeGreaterThan(1e-2);
    expect([...adapter.effective.values()].reduce((sum, { size }) => sum + size, 0)).toBe(trainable);
    const merged = await mergeAdapter(host, adapter);
    expect(await far(runAdapter(merged.host, merged.rest!, inputs()).logits!, logits)).toBeLessThan(1e-5);
    merged.host.dispose();
  });

  it.each(variants)('%s is written again as it was', async (name) => {
    const files = readAdapter(name);
    const adapter = await loadAdapter(files, host, registry);
    const saved = await saveAdapter(adapter, host, { extraConfig: adapter.extraConfig });
    expect(Buffer.from(saved.get(tensorsName)!).equals(Buffer.from(files.get(tensorsName)!))).toBe(true);
    const [before, after] = [files, saved].map(
      (from) => JSON.parse(new TextDecoder().decode(from.get(configName))) as JsonObject,
    );
    const comparable = ({ target_modules: targets, peft_version: _version, ...rest }: JsonObject) =>
      canonicalJson({ ...rest, target_modules: Array.isArray(targets) ? [...(targets as string[])].sort() : targets });
    expect(comparable(after!)).toBe(comparable(before!));
    expect(JSON.parse(new TextDecoder().decode(saved.get('tfjs_peft.json'))).differences).toEqual([]);
  });
});
