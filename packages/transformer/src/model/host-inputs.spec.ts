import { evaluationContext, padBatch } from '@tfjs-peft/peft-core';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { createRandomDecoder } from '../decoder/create-random-host.js';
import { createRandomHost } from '../encoder/create-random-host.js';

describe('the backend of a pass', () => {
  it('is never webgl', async () => {
    await tf.setBackend('cpu');
    const hosts = [await createRandomHost(), await createRandomDecoder()];
    const inputIds = tf.zeros<tf.Rank.R2>([1, 3], 'int32');
    tf.registerBackend('webgl', tf.findBackendFactory('cpu'));
    await tf.setBackend('webgl');
    for (const host of hosts)
      expect(() => host.forward({ inputIds, attentionMask: inputIds }, [], evaluationContext(host.spec, 1))).toThrow(
        expect.objectContaining({ code: 'BACKEND_UNSUPPORTED' }),
      );
    await tf.setBackend('cpu');
    tf.removeBackend('webgl');
    for (const host of hosts) host.dispose();
  });
});

describe('texts of another tokenizer', () => {
  it('may have any token types where a table has one row, or there is none', async () => {
    await tf.setBackend('cpu');
    for (const modelType of ['roberta', 'distilbert'] as const) {
      const host = await createRandomHost({ modelType });
      const batch = padBatch([{ inputIds: [5, 6], tokenTypeIds: [0, 1] }], host.spec.padTokenId);
      expect(host.forward(batch, [], evaluationContext(host.spec, 1)).lastHiddenState.shape[0]).toBe(1);
      host.dispose();
    }
  });

  it.each([
    ['a word', { inputIds: [1, 100], tokenTypeIds: [0, 0] }, /token 100 in text 1 .* from 0 to 99/],
    ['a word below 0', { inputIds: [-1], tokenTypeIds: [0] }, /token -1 in text 1/],
    ['a token type', { inputIds: [1, 2], tokenTypeIds: [0, 2] }, /token type 2 in text 1 .* from 0 to 1/],
  ])('are refused for %s that the tables lack', async (_name, text, message) => {
    await tf.setBackend('cpu');
    const hosts = [await createRandomHost(), await createRandomDecoder()];
    for (const host of text.tokenTypeIds.includes(2) ? hosts.slice(0, 1) : hosts)
      expect(() =>
        host.forward(
          padBatch([{ inputIds: [1, 2, 3], tokenTypeIds: [0, 0, 0] }, text], 0),
          [],
          evaluationContext(host.spec, 2),
        ),
      ).toThrow(expect.objectContaining({ code: 'HOST_INPUTS_INVALID', message: expect.stringMatching(message) }));
    for (const host of hosts) host.dispose();
  });
});
