import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { adapter, parBnConfig } from '@tfjs-peft/adapter';
import {
  compose,
  countParameters,
  createStream,
  evaluationContext,
  type Host,
  initialValues,
  padBatch,
  type Parameters,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { prefix } from '@tfjs-peft/prefix';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

/** Mix-and-match (He et al. 2022): a prefix at attention, a scaled parallel adapter at the feed-forward network. */
const mam = () => compose(prefix({ prefixLength: 30, mlpHiddenSize: 800 }), adapter(parBnConfig()));

let host: Host;
beforeAll(async () => {
  host = await createRandomHost({ hiddenSize: 8, numAttentionHeads: 2, intermediateSize: 12, vocabSize: 20 }, 3);
});
afterAll(() => host.dispose());

const start = (method: PeftMethod): Parameters =>
  effectiveParameters(method, toParameters(initialValues(method.plan(host.spec), createStream(1))), host.spec);
const hidden = (method: PeftMethod, effective: Parameters) => {
  const inputs = padBatch([{ inputIds: [1, 5, 7, 2], tokenTypeIds: [0, 0, 0, 0] }], 0);
  const context = evaluationContext(host.spec, 1);
  return host.forward(inputs, method.intervene(effective, context), context).lastHiddenState;
};
const apart = async (a: tf.Tensor, b: tf.Tensor) => Math.max(...(await a.sub(b).abs().data()));

describe('the MAM recipe', () => {
  it('counts prefix and adapter', () => {
    const [layers, size] = [2, 8];
    const prefixNumbers = 30 * size + size * 800 + 800 + 800 * 2 * layers * size + 2 * layers * size;
    const adapterNumbers = layers * (2 * size * 4 + 4 + size);
    expect(countParameters(mam().plan(host.spec))).toEqual({
      buffers: 0,
      trainable: prefixNumbers + adapterNumbers,
      effective: 2 * layers * size * 30 + adapterNumbers,
    });
  });

  it('starts as the prefix alone, and both parts act once they have learned', async () => {
    const method = mam();
    const effective = new Map(start(method));
    expect(await apart(hidden(method, effective), hidden(prefix({ prefixLength: 30 }), effective))).toBe(0);
    for (const [name, tensor] of effective)
      if (name.endsWith('up.weight')) effective.set(name, tf.randomNormal(tensor.shape, 0, 0.3, 'float32', 4));
    const both = hidden(method, effective);
    expect(await apart(both, hidden(prefix({ prefixLength: 30 }), effective))).toBeGreaterThan(1e-2);
    expect(await apart(both, hidden(adapter(parBnConfig()), effective))).toBeGreaterThan(1e-4);
  });
});
