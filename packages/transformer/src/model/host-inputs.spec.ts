import { evaluationContext } from '@tfjs-peft/peft-core';
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
