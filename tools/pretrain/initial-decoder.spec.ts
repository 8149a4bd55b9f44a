import { evaluationContext } from '@tfjs-peft/peft-core';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../jest/use-test-backend.js';
import { initialDecoder } from './initial-decoder.js';

useTestBackend();

const sizes = { vocabulary: 60, width: 32, layers: 2, heads: 4, context: 16 };

describe('initialDecoder', () => {
  it('draws what the paper says, the same for the same seed', async () => {
    const [first, same, other] = [
      await initialDecoder(sizes, 0, 1),
      await initialDecoder(sizes, 0, 1),
      await initialDecoder(sizes, 0, 2),
    ];
    expect(first.spec.fingerprint).toBe(same.spec.fingerprint);
    expect(first.spec.fingerprint).not.toBe(other.spec.fingerprint);
    const deviation = async (path: string) => Math.sqrt((await tf.moments(first.weight(path)).variance.data())[0]!);
    expect(await deviation('h.0.mlp.c_fc.weight')).toBeCloseTo(0.02, 2);
    expect(await deviation('h.0.mlp.c_proj.weight')).toBeCloseTo(0.01, 3);
    for (const host of [first, same, other]) host.dispose();
  });

  it('begins as good as guessing', async () => {
    const host = await initialDecoder(sizes, 0, 1);
    const inputIds = tf.tensor2d([1, 2, 3, 4], [1, 4], 'int32');
    const inputs = { inputIds, attentionMask: tf.onesLike(inputIds) };
    const { lastHiddenState, outputEmbeddings } = host.forward(inputs, [], evaluationContext(host.spec, 1));
    const logits = tf.matMul(lastHiddenState.squeeze<tf.Tensor2D>([0]), outputEmbeddings!.table, false, true);
    const loss = tf.losses.softmaxCrossEntropy(tf.oneHot([2, 3, 4, 5], sizes.vocabulary), logits);
    expect((await loss.data())[0]).toBeCloseTo(Math.log(sizes.vocabulary), 0);
    host.dispose();
  });
});
