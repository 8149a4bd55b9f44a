import { head, initialValues, createStream, toParameters, evaluationContext } from '@tfjs-peft/peft-core';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { bytesSource, openSafetensors } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference, someInputs } from '../../test/test-hosts.js';
import { saveHost } from '../save/save-host.js';
import { createDecoderHost } from './create-host.js';
import { createRandomDecoder, tinyDecoderConfig } from './create-random-host.js';

useTestBackend();

describe('saveHost of a decoder', () => {
  it.each([
    ['gpt2', true, 'GPT2LMHeadModel', 'transformer.wte.weight'],
    ['llama', false, 'LlamaForCausalLM', 'lm_head.weight'],
  ] as const)('%s: what it writes is the host again', async (modelType, tiedEmbeddings, name, tensor) => {
    const host = await createRandomDecoder({ modelType, tiedEmbeddings });
    const files = await saveHost(host, { config: tinyDecoderConfig({ modelType, tiedEmbeddings }) });
    const config = JSON.parse(new TextDecoder().decode(files.get('config.json')));
    expect(config.architectures).toEqual([name]);
    const tensors = await openSafetensors(bytesSource('model.safetensors', files.get('model.safetensors')!));
    expect(tensors.tensors.has(tensor)).toBe(true);
    expect(tensors.tensors.has('lm_head.weight')).toBe(!tiedEmbeddings);
    const again = await createDecoderHost({ config, tensors, name: 'again' });
    expect(again.spec.fingerprint).toBe(host.spec.fingerprint);
    const inputs = someInputs();
    const states = [host, again].map(
      (each) => each.forward(inputs, [], evaluationContext(each.spec, 3)).lastHiddenState,
    );
    expect(await maxDifference(states[0]!, states[1]!)).toBe(0);
    again.dispose();
    host.dispose();
  });

  it('writes a head without a bias and refuses one that HF has no place for', async () => {
    const host = await createRandomDecoder();
    const method = head({ labels: ['a', 'b'] });
    const effective = toParameters(initialValues(method.plan(host.spec), createStream(1)));
    const adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
    const files = await saveHost(host, { config: tinyDecoderConfig(), head: adapter });
    const tensors = await openSafetensors(bytesSource('model.safetensors', files.get('model.safetensors')!));
    expect(tensors.tensors.get('score.weight')?.shape).toEqual([2, 32]);
    expect(tensors.tensors.has('score.bias')).toBe(false);
    // HF reads the last token that is no padding, and refuses batches where nobody says what padding is.
    const { pad_token_id: _, ...unpadded } = tinyDecoderConfig();
    const padOf = async (config: JsonObject) => {
      const written = await saveHost(host, { config, head: adapter });
      return JSON.parse(new TextDecoder().decode(written.get('config.json'))).pad_token_id;
    };
    expect(await padOf(unpadded)).toBe(host.spec.padTokenId);
    expect(await padOf({ ...unpadded, pad_token_id: 7 })).toBe(7);
    const biased = new Map(effective).set(method.head.names.bias, tf.tensor1d([0, 1]));
    await expect(
      saveHost(host, { config: tinyDecoderConfig(), head: { ...adapter, effective: biased } }),
    ).rejects.toMatchObject({ code: 'HEAD_NOT_IN_HF' });
    host.dispose();
  });
});
