import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { lora } from '@tfjs-peft/lora';
import { createStream, disposeParameters, initialValues, saveAdapter, toParameters } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { openSpeaker } from '../src/index.js';
import { openHost } from '../src/trial/open-host.js';
import { embeddedHost, nameOfHost } from '../src/trial/embedded-hosts.js';
import { writeTinyModel } from './tiny-model.js';

useTestBackend();

const causal = { name: 'minigpt', readout: null, dropout: null };
const prompt = 'It was a dark night';
const speak = async (source: string) => {
  const speaker = await openSpeaker(source, { backend: 'current' });
  try {
    const [found] = await speaker.speak([prompt], { settings: { maxNewTokens: 8 } });
    return found!;
  } finally {
    speaker.dispose();
  }
};

describe('embedded hosts', () => {
  it('go under a short name and are recorded under their own', () => {
    for (const name of ['minilm', 'minigpt']) expect(nameOfHost(embeddedHost(name)!.name)).toBe(name);
    expect(embeddedHost('bert')).toBeUndefined();
    expect(nameOfHost('org/bert')).toBe('org/bert');
  });

  it('continue a text, the same each time', async () => {
    const first = await speak('minigpt');
    expect(first.tokens).toBeGreaterThan(0);
    expect(await speak('minigpt')).toEqual(first);
  });

  it('are freed where they cannot be used', async () => {
    const encoder = await writeTinyModel(join(mkdtempSync(join(tmpdir(), 'tfjs-peft-')), 'encoder'));
    const before = tf.memory().numTensors;
    await expect(openSpeaker(encoder, { backend: 'current' })).rejects.toMatchObject({ code: 'HOST_UNSUPPORTED' });
    await expect(openHost({ name: encoder, readout: 'last', dropout: null })).rejects.toMatchObject({
      code: 'READOUT_UNAVAILABLE',
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('are found by the name that an adapter records', async () => {
    const { host } = await openHost(causal);
    expect(host.spec).toMatchObject({ name: 'minigpt', modelType: 'gpt2', defaultReadout: 'last' });
    const method = lora({ rank: 2, targets: ['c_attn'] });
    // Without effect: its second factor is zero.
    const effective = toParameters(initialValues(method.plan(host.spec), createStream(0)));
    const adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
    const files = await saveAdapter(adapter, host, { baseModelNameOrPath: host.spec.name });
    const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-embedded-'));
    for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
    disposeParameters(effective);
    host.dispose();
    expect((await speak(folder)).text).toBe((await speak('minigpt')).text);
  });
});
