import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Adapter,
  bytesSource,
  composeDefinition,
  createRegistry,
  disposeMerged,
  headDefinition,
  type HostInputs,
  loadAdapter,
  mergeAdapter,
  type NamedArray,
  openSafetensors,
  runAdapter,
  saveAdapter,
  sitesOfKind,
  tokenHeadDefinition,
} from '@tfjs-peft/peft-core';
import { hostHeadNames, writeSafetensors } from '@tfjs-peft/peft-core/files';
import { createHost, type EncoderHost, saveHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { lora, loraDefinition } from '../src/lora.js';

useTestBackend();

const goldens = new URL('../../transformer/goldens/', import.meta.url);
const registry = createRegistry(loraDefinition, headDefinition, composeDefinition);
const tokenRegistry = createRegistry(loraDefinition, headDefinition, tokenHeadDefinition, composeDefinition);
const open = (bytes: Uint8Array) => openSafetensors(bytesSource('model.safetensors', bytes));
const tolerance = 2e-5;

/** Targets as HF peft was given them: names that the family alone has, tables and maps outside the layers among them. */
describe.each(['electra', 'camembert', 'mpnet', 'albert', 'deberta-v2', 'deberta-v2-apart', 'modernbert'])(
  'LoRA of HF peft on a tiny %s',
  (name) => {
    const folder = new URL(`tiny-${name}/`, goldens);
    let config: Record<string, never>;
    let host: EncoderHost;
    let adapter: Adapter;
    let files: Map<string, Uint8Array>;
    const golden = new Map<string, tf.Tensor>();
    beforeAll(async () => {
      config = JSON.parse(await readFile(new URL('config.json', folder), 'utf8'));
      const tensors = await open(new Uint8Array(await readFile(new URL('model.safetensors', folder))));
      host = await createHost({ config, tensors, name, onIgnored: () => {} });
      // HF peft keeps DeBERTa's classifier and not the dense layer before it: that is the model's own.
      const hostHead = new Map<string, NamedArray>();
      for (const key of hostHeadNames(host.spec))
        hostHead.set(key, { shape: tensors.tensors.get(key)!.shape, data: await tensors.readFloat32(key) });
      const lora = new URL('lora/', folder);
      const read = async (file: string) => [file, new Uint8Array(await readFile(new URL(file, lora)))] as const;
      files = new Map(await Promise.all((await readdir(lora)).map(read)));
      adapter = await loadAdapter(files, host, registry, { onWarning: () => {}, hostHead });
      const stored = await open(new Uint8Array(await readFile(new URL(`tiny-${name}.safetensors`, goldens))));
      for (const [key, { dtype, shape }] of stored.tensors)
        if (/^(pairs|long)\./.test(key))
          golden.set(
            key,
            dtype === 'I64'
              ? tf.tensor(Int32Array.from(await stored.readInt64(key), Number), [...shape], 'int32')
              : tf.tensor(await stored.readFloat32(key), [...shape]),
          );
    });
    afterAll(() => host.dispose());

    const inputsOf = (text: string): HostInputs => ({
      inputIds: golden.get(`${text}.input_ids`) as tf.Tensor2D,
      attentionMask: golden.get(`${text}.attention_mask`) as tf.Tensor2D,
    });
    const logitsOf = (on: EncoderHost, from: Adapter, text: string) => runAdapter(on, from, inputsOf(text)).logits!;
    const off = async (logits: tf.Tensor, text: string) =>
      (
        await logits
          .sub(golden.get(`${text}.lora_logits`)!)
          .abs()
          .max()
          .data()
      )[0]!;

    it.each(['pairs', 'long'])('gives its logits: %s', async (text) => {
      expect(await off(logitsOf(host, adapter, text), text)).toBeLessThan(tolerance);
      expect(await off(golden.get(`${text}.logits`)!, text)).toBeGreaterThan(1e-3);
    });

    it('is saved as it was', async () => {
      const saved = await saveAdapter(adapter, host);
      const [before, after] = [
        await open(files.get('adapter_model.safetensors')!),
        await open(saved.get('adapter_model.safetensors')!),
      ];
      const ownHead = [...after.tensors.keys()].filter((key) => !before.tensors.has(key));
      expect(ownHead.every((key) => /^(deberta|modern)/.test(name) && /\.(pooler|head)\./.test(key))).toBe(true);
      for (const key of before.tensors.keys())
        expect(await after.readFloat32(key)).toEqual(await before.readFloat32(key));
      const read = (from: ReadonlyMap<string, Uint8Array>) =>
        JSON.parse(new TextDecoder().decode(from.get('adapter_config.json')));
      const names = (from: ReadonlyMap<string, Uint8Array>) => [...read(from).target_modules].sort();
      expect(names(saved)).toEqual(names(files));
      // HF peft loads of a head what modules_to_save names, by the ends of names.
      const { modules_to_save: modules } = read(saved) as { modules_to_save: string[] };
      const outside = ownHead.map((key) => key.replace('base_model.model.', '').split('.')[0]!);
      expect(outside.every((module) => modules.includes(module))).toBe(true);
    });

    it('at a layer of the head is refused where HF peft adapts one', async () => {
      const { hidden } = host.spec.classifier;
      if (!hidden || hidden.path.startsWith('classifier')) return;
      const own = await open(files.get('adapter_model.safetensors')!);
      const tensors = new Map<string, NamedArray>();
      for (const [key, { shape }] of own.tensors) tensors.set(key, { shape, data: await own.readFloat32(key) });
      tensors.set(`base_model.model.${hidden.path}.lora_A.weight`, { shape: [2, 1], data: new Float32Array(2) });
      const changed = new Map(files).set('adapter_model.safetensors', writeSafetensors(tensors));
      await expect(loadAdapter(changed, host, registry)).rejects.toMatchObject({
        code: 'TARGET_UNSUPPORTED',
        message: expect.stringMatching(new RegExp(`changes "${hidden.path}".*merge_and_unload`)),
      });
    });

    it('has biases of the sizes that the host has, of narrow LayerNorms too', () => {
      const shapes = new Map(sitesOfKind(host.spec, 'tensor').map(({ path, shape }) => [path, shape]));
      const biases = lora({ bias: 'all', targets: 'all-linear' })
        .plan(host.spec)
        .effective.filter((spec) => spec.name.endsWith('.biasDelta'));
      if (name === 'modernbert') expect(biases).toEqual([]);
      else expect(biases.length).toBeGreaterThan(8);
      for (const { shape, site } of biases) expect(shape).toEqual(shapes.get(`${site}.bias`));
    });

    it('for single tokens is read where HF has one map a token, else refused', async () => {
      const config = JSON.parse(new TextDecoder().decode(files.get('adapter_config.json')));
      const bytes = new TextEncoder().encode(JSON.stringify({ ...config, task_type: 'TOKEN_CLS' }));
      const loading = loadAdapter(new Map(files).set('adapter_config.json', bytes), host, tokenRegistry, {
        onWarning: () => {},
      });
      if (name === 'modernbert') await expect(loading).rejects.toMatchObject({ code: 'TASK_UNSUPPORTED' });
      else expect((await loading).method.type).toBe('COMPOSE');
    });

    it('merges, and the merged model is saved and opened again', async () => {
      const merged = await mergeAdapter(host, adapter);
      expect(await off(logitsOf(merged.host as EncoderHost, merged.rest!, 'pairs'), 'pairs')).toBeLessThan(tolerance);
      const model = await saveHost(merged.host, { config, head: merged.rest });
      const again = await createHost({
        config: JSON.parse(new TextDecoder().decode(model.get('config.json'))),
        tensors: await open(model.get('model.safetensors')!),
        name,
        onIgnored: () => {},
      });
      const rest = { ...merged.rest!, hostFingerprint: again.spec.fingerprint };
      expect(await off(logitsOf(again, rest, 'pairs'), 'pairs')).toBeLessThan(tolerance);
      again.dispose();
      disposeMerged(merged, adapter);
    });
  },
);
