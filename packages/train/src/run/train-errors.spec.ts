import { afterAll, describe, expect, it } from '@jest/globals';
import type { PeftMethod } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { createToyHost, toyExamples, toyShift } from '../../test/toy-host.js';
import { codeOf, toyRequest, toyTask, withHead, withoutPrepare } from '../../test/toy-request.js';
import { squaredError } from '../objectives/squared-error.js';
import { train } from './train.js';

const host = createToyHost();
afterAll(() => host.dispose());

describe('train refuses', () => {
  const [example] = toyExamples(1, 'one');
  const empty = { text: { inputIds: [], tokenTypeIds: [] }, label: 0 };

  it.each([
    ['no examples', () => toyTask({ train: [] }), 'TRAINING_DATA_EMPTY'],
    ['a text without tokens', () => toyTask({ dev: [empty] }), 'TEXT_EMPTY'],
    [
      'a text without token types',
      () => toyTask({ dev: [{ text: { inputIds: [1], tokenTypeIds: [] }, label: 0 }] }),
      'TEXT_MISSHAPEN',
    ],
    ['a label that is no class', () => toyTask({ train: [{ ...example!, label: 0.5 }] }), 'LABEL_INVALID'],
    ['a label beyond the head', () => toyTask({ train: [{ ...example!, label: 2 }] }), 'LABEL_INVALID'],
    [
      'a number that is none',
      () => toyTask({ objective: squaredError(), train: [{ ...example!, label: NaN }] }),
      'LABEL_INVALID',
    ],
    ['a regression with two logits', () => toyTask({ objective: squaredError() }), 'LOGITS_MISSHAPEN'],
    ['a method that says nothing about logits', () => ({ method: toyShift() }), 'LOGITS_MISSING'],
  ] as const)('%s', async (_name, rest, code) => {
    const run = async () => train(toyRequest(host, {}, rest()));
    expect(await codeOf(run())).toBe(code);
  });

  it('a method without trainable parameters, and one that changes nothing', async () => {
    const base = withoutPrepare(withHead(toyShift()));
    const frozen: PeftMethod = {
      ...base,
      plan: (spec) => ({ ...base.plan(spec), raw: base.plan(spec).raw.map((raw) => ({ ...raw, trainable: false })) }),
    };
    expect(await codeOf(train(toyRequest(host, {}, { method: frozen })))).toBe('NOTHING_TO_TRAIN');
    const detached: PeftMethod = {
      ...base,
      objective: ({ id }) => ({ id, loss: () => ({ loss: tf.scalar(1) }) }),
    };
    expect(await codeOf(train(toyRequest(host, {}, { method: detached })))).toBe('NOTHING_TO_TRAIN');
  });

  it('a run that diverges, saying where and at which rate', async () => {
    const method: PeftMethod = {
      ...withoutPrepare(withHead(toyShift())),
      objective: ({ id, loss }) => ({
        id,
        loss: (...args) => ({
          loss: loss(...args)
            .loss.mul(1e30)
            .mul(1e30) as tf.Scalar,
        }),
      }),
    };
    const before = tf.memory().numTensors;
    await expect(train(toyRequest(host, {}, { method }))).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
      message: expect.stringMatching(/step 1.*learningRate.*To fix/),
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});
