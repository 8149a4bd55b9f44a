import { readdir, readFile } from 'node:fs/promises';
import {
  createRegistry,
  createStream,
  evaluationContext,
  initialValues,
  loadAdapter,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { bytesSource, openSafetensors } from '@tfjs-peft/peft-core';
import { createDecoderHost, createRandomHost, type DecoderHost } from '@tfjs-peft/transformer';
import { lora } from '@tfjs-peft/lora';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { builtInDefinitions } from './definitions.js';

useTestBackend();

const goldens = new URL('../../../transformer/goldens/', import.meta.url);
const open = async (url: URL) => openSafetensors(bytesSource(url.pathname, new Uint8Array(await readFile(url))));

describe.each(['tiny-gpt2', 'tiny-llama'])('adapters of HF peft for the next token: %s', (name) => {
  const adapters = new URL(`${name}-peft/`, goldens);
  let host: DecoderHost;
  beforeAll(async () => {
    const config = JSON.parse(await readFile(new URL(`${name}/config.json`, goldens), 'utf8'));
    const tensors = await open(new URL(`${name}/model.safetensors`, goldens));
    host = await createDecoderHost({ config, tensors, name });
  });
  afterAll(() => host.dispose());

  const filesOf = async (kind: string) => {
    const folder = new URL(`${kind}/`, adapters);
    const names = await readdir(folder);
    const read = names.map(async (file) => [file, new Uint8Array(await readFile(new URL(file, folder)))] as const);
    return new Map(await Promise.all(read));
  };

  it.each(['lora', 'prefix', 'prompt', 'ia3'])('reads and writes %s', async (kind) => {
    const files = await filesOf(kind);
    const loaded = await loadAdapter(files, host, createRegistry(...builtInDefinitions));
    const golden = await open(new URL('expected.safetensors', adapters));
    const read = async (key: string) => tf.tensor(await golden.readFloat32(key), [...golden.tensors.get(key)!.shape]);
    const integers = async (key: string) =>
      tf.tensor2d(
        Int32Array.from(await golden.readInt64(key), Number),
        golden.tensors.get(key)!.shape as [number, number],
        'int32',
      );
    const inputs = { inputIds: await integers('input_ids'), attentionMask: await integers('attention_mask') };
    const expected = await read(`${kind}.logits`);
    const { method, effective, extraConfig } = loaded;
    const largest = tf.tidy(() => {
      const context = evaluationContext(host.spec, inputs.inputIds.shape[0]);
      const { lastHiddenState, outputEmbeddings } = host.forward(inputs, method.intervene(effective, context), context);
      const [batch, length, size] = lastHiddenState.shape;
      const tokens = inputs.inputIds.shape[1];
      const text = lastHiddenState.slice([0, length - tokens, 0], [batch, tokens, size]);
      const logits = tf.matMul(text.reshape([-1, size]), outputEmbeddings!.table, false, true).reshape(expected.shape);
      return logits.sub(expected).mul(inputs.attentionMask.toFloat().expandDims(2)).abs().max();
    });
    expect((await largest.data())[0]).toBeLessThan(1e-5);

    const written = await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host, {
      extraConfig,
    });
    expect(JSON.parse(new TextDecoder().decode(written.get('tfjs_peft.json'))).differences).toEqual([]);
    const [theirs, ours] = await Promise.all(
      [files, written].map((from) => openSafetensors(bytesSource(kind, from.get('adapter_model.safetensors')!))),
    );
    expect([...ours!.tensors.keys()].sort()).toEqual([...theirs!.tensors.keys()].sort());
    for (const key of theirs!.tensors.keys())
      expect(await ours!.readFloat32(key)).toEqual(await theirs!.readFloat32(key));
    const entries = (from: ReadonlyMap<string, Uint8Array>) =>
      JSON.parse(new TextDecoder().decode(from.get('adapter_config.json')));
    for (const key of ['task_type', 'peft_type', 'fan_in_fan_out', 'token_dim', 'num_attention_heads', 'num_layers'])
      expect([key, entries(written)[key]]).toEqual([key, entries(files)[key]]);
  });

  it('says that tied word embeddings are one table here and two in HF peft', async () => {
    const isTied = host.spec.languageModel!.tied;
    const { path } = host.spec.sites.find(({ kind }) => kind === 'table')!;
    const method = lora({ targets: [path] });
    const effective = toParameters(initialValues(method.plan(host.spec), createStream(1)));
    const files = await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host);
    const { differences } = JSON.parse(new TextDecoder().decode(files.get('tfjs_peft.json')));
    expect(differences.length).toBe(isTied ? 1 : 0);
    const theirs = new Map([...files].filter(([file]) => file !== 'tfjs_peft.json'));
    const load = loadAdapter(theirs, host, createRegistry(...builtInDefinitions));
    if (isTied) await expect(load).rejects.toMatchObject({ code: 'CONFIG_KEY_UNSUPPORTED' });
    else expect((await load).method.type).toBe('LORA');
  });

  it('refuses an adapter for the next token on an encoder', async () => {
    const encoder = await createRandomHost();
    const load = loadAdapter(await filesOf('lora'), encoder, createRegistry(...builtInDefinitions));
    await expect(load).rejects.toMatchObject({ code: 'TASK_UNSUPPORTED' });
    encoder.dispose();
  });
});
