import { evaluationContext } from '@tfjs-peft/peft-core';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference } from '../../test/test-hosts.js';
import { createRandomDecoder } from './create-random-host.js';
import type { DecoderHost } from './create-host.js';

useTestBackend();

let host: DecoderHost;
beforeAll(async () => {
  host = await createRandomDecoder({ modelType: 'llama' });
});
afterAll(() => host.dispose());

const inputsOf = (ids: readonly number[][]) => {
  const inputIds = tf.tensor2d(
    ids.map((row) => [...row]),
    undefined,
    'int32',
  );
  return { inputIds, attentionMask: tf.onesLike(inputIds) };
};
const context = () => evaluationContext(host.spec, 1);

describe('a text in pieces', () => {
  const layer = { kind: 'hiddenDelta', path: 'layers.0', apply: (x: tf.Tensor) => x.mul(0.1) } as const;
  const keys = tf.randomNormal([2, 3, 8], 0, 1, 'float32', 1);
  const prefix = {
    kind: 'keyValuePrefix',
    path: 'layers.1.self_attn',
    keys,
    values: keys,
    positions: 'shift',
  } as const;
  const rows = { kind: 'tokenPrefix', embeddings: tf.randomNormal([2, 32], 0, 1, 'float32', 2) } as const;

  it.each<[string, readonly Intervention[]]>([
    ['a function that treats each token for itself', [{ ...layer, perToken: true }]],
    ['a prefix that shifts positions', [prefix]],
    ['virtual tokens', [rows]],
  ])('is the same as at once with %s', async (_, interventions) => {
    const whole = host.forward(inputsOf([[5, 9, 33, 7, 12]]), interventions, context()).lastHiddenState;
    const first = host.continue(inputsOf([[5, 9, 33]]), interventions, context());
    const second = host.continue(inputsOf([[7, 12]]), interventions, context(), first.past);
    const pieces = tf.concat([first.lastHiddenState, second.lastHiddenState], 1);
    expect(await maxDifference(pieces, whole)).toBeLessThan(1e-5);
  });

  it('is refused where an effect sees all of it at once', () => {
    const gated = { ...prefix, gate: () => tf.ones([1]) as tf.Tensor1D };
    for (const item of [layer, gated])
      expect(() => host.continue(inputsOf([[5, 9]]), [item], context())).toThrow(
        expect.objectContaining({ code: 'PAST_UNUSABLE' }),
      );
  });

  it('is refused for packed rows and for another number of texts', () => {
    const inputs = inputsOf([[5, 9]]);
    const packed = { ...inputs, documentIds: tf.zerosLike(inputs.inputIds) };
    expect(() => host.continue(packed, [], context())).toThrow(expect.objectContaining({ code: 'PAST_UNUSABLE' }));
    const { past } = host.continue(inputs, [], context());
    const two = inputsOf([[5], [9]]);
    expect(() => host.continue(two, [], evaluationContext(host.spec, 2), past)).toThrow(
      expect.objectContaining({ code: 'PAST_UNUSABLE' }),
    );
  });

  it('is refused where it leaves the positions of the host', () => {
    const long = inputsOf([Array.from({ length: 60 }, () => 5)]);
    const { past } = host.continue(long, [], context());
    expect(() => host.continue(inputsOf([[1, 2, 3, 4, 5]]), [], context(), past)).toThrow(
      expect.objectContaining({ code: 'TEXT_TOO_LONG' }),
    );
  });
});
