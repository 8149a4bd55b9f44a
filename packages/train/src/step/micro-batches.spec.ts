import { afterAll, describe, expect, it } from '@jest/globals';
import { compose, type Host, head, PeftError } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { createToyHost, toyShift } from '../../test/toy-host.js';
import { codeOf, toyRequest, trainLosses } from '../../test/toy-request.js';
import { withContrastiveTerm } from '../objectives/contrastive-term.js';
import { crossEntropy } from '../objectives/cross-entropy.js';
import { train } from '../run/train.js';
import { microBatches } from './micro-batches.js';

const host = createToyHost({ dropoutRate: 0 });
afterAll(() => host.dispose());

/** A run without dropout and draws: nothing in it depends on how a batch is cut. */
const steady = (rest: Parameters<typeof toyRequest>[2] = {}) =>
  toyRequest(
    host,
    {},
    { method: compose(toyShift({ beta: 0.01 }), head({ labels: ['low', 'high'], dropout: 0 })), ...rest },
  );

describe('microBatches', () => {
  it.each([1, 3, 4, 100])('of %d texts learn what the whole batch does', async (size) => {
    const [whole, parts] = [await train(steady()), await train(steady({ rule: microBatches(size) }))];
    trainLosses(whole.history).forEach((loss, step) => expect(trainLosses(parts.history)[step]).toBeCloseTo(loss, 5));
    for (const [name, { data }] of whole.raw)
      data.forEach((value, index) => expect(parts.raw.get(name)!.data[index]).toBeCloseTo(value, 4));
  });

  it.each<[string, number[]]>([
    ['other', [1, 9]],
    ['no', [1, 0]],
  ])('know classes of %s weight', async (_, classWeights) => {
    const weighted = (rest: object) => steady({ objective: crossEntropy({ classWeights }), ...rest });
    const [whole, parts] = [await train(weighted({})), await train(weighted({ rule: microBatches(1) }))];
    trainLosses(whole.history).forEach((loss, step) => expect(trainLosses(parts.history)[step]).toBeCloseTo(loss, 5));
    for (const [name, { data }] of whole.raw)
      data.forEach((value, index) => expect(parts.raw.get(name)!.data[index]).toBeCloseTo(value, 4));
  });

  it('refuse an objective that compares texts', async () => {
    const objective = withContrastiveTerm(crossEntropy(), { host });
    expect(await codeOf(train(steady({ objective, rule: microBatches(2) })))).toBe('OPTION_INVALID');
  });

  it('leave no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await train(steady({ rule: microBatches(3) }));
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([0, 1.5, NaN])('refuse %d texts', (size) => {
    expect(() => microBatches(size)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
  });
});

describe('a pass that needs more memory than there is', () => {
  const failing = (error: Error): Host => ({
    ...host,
    forward() {
      throw error;
    },
  });

  it('says how many texts of how many tokens it ran', async () => {
    for (const error of [
      Object.assign(new Error('Aborted(). Build with -sASSERTIONS for more info.'), { name: 'RuntimeError' }),
      new PeftError('BACKEND_OUT_OF_MEMORY', { found: 'no room' }),
      new Error('Invalid TF_Status: 8\nMessage: OOM when allocating tensor with shape[9,9]'),
    ]) {
      const run = train({ ...steady(), host: failing(error) });
      await expect(run).rejects.toMatchObject({
        code: 'BACKEND_OUT_OF_MEMORY',
        message: expect.stringMatching(/4 texts of up to \d+ tokens .*microBatches/),
      });
    }
    for (const text of ['another', 'Invalid TF_Status: 3\nMessage: shapes'])
      expect(await codeOf(train({ ...steady(), host: failing(new Error(text)) }))).toBe(`Error: ${text}`);
  });
});
