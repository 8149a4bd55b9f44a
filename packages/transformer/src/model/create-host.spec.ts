import { readFile } from 'node:fs/promises';
import { bytesSource, evaluationContext, openSafetensors } from '@tfjs-peft/peft-core';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { createHost } from './create-host.js';

const folder = new URL('../../test/tiny-bert/', import.meta.url);
const readJson = async (name: string) => JSON.parse(await readFile(new URL(name, folder), 'utf8'));

describe('createHost', () => {
  it('gives the logits of HF transformers on a tiny BERT', async () => {
    const file = await openSafetensors(
      bytesSource('model.safetensors', new Uint8Array(await readFile(new URL('model.safetensors', folder)))),
    );
    const host = await createHost({
      config: await readJson('config.json'),
      tensors: file,
      name: 'tiny',
      onIgnored: () => {},
    });
    const expected = await readJson('expected.json');
    const weight = tf.tensor(await file.readFloat32('classifier.weight'), [3, 32]);
    const bias = tf.tensor(await file.readFloat32('classifier.bias'), [3]);
    const inputs = {
      inputIds: tf.tensor2d(expected.input_ids, undefined, 'int32'),
      attentionMask: tf.tensor2d(expected.attention_mask, undefined, 'int32'),
    };
    const { logits } = host.forward(
      inputs,
      [{ kind: 'readout', readout: 'pooler', weight, bias, dropout: 0 }],
      evaluationContext(host.spec, 3),
    );
    const difference = await logits!.sub(tf.tensor(expected.base_logits)).abs().max().data();
    console.log(difference[0], host.spec.fingerprint);
    expect(difference[0]).toBeLessThan(1e-5);
  });
});
