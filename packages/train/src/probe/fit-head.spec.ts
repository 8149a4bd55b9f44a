import { afterAll, describe, expect, it } from '@jest/globals';
import { head } from '@tfjs-peft/peft-core';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { createToyHost, hidden, toyExamples } from '../../test/toy-host.js';
import { fitHead } from './fit-head.js';

useTestBackend();
const host = createToyHost();
afterAll(() => host.dispose());

const examples = toyExamples(4, 1);
const texts = examples.map(({ text }) => text);
const labels = [0, 1, 0, 1];

describe('fitHead', () => {
  it('gives what the head has', async () => {
    const ofClasses = await fitHead({ host, head: head({ labels: ['a', 'b'] }), texts, labels });
    expect([...ofClasses.values()].map(({ shape, data }) => [shape, data.length])).toEqual([
      [[2, hidden], 2 * hidden],
      [[2], 2],
    ]);
    const ofNumbers = await fitHead({ host, head: head({ labels: ['x'] }), texts, labels, task: 'regression' });
    expect([...ofNumbers.values()].map(({ shape, data }) => [shape, data.length])).toEqual([
      [[1, hidden], hidden],
      [[1], 1],
    ]);
  });

  it('refuses labels of other texts, and a regression on several labels', async () => {
    const options = { host, head: head({ labels: ['a', 'b'] }), texts, labels };
    await expect(fitHead({ ...options, labels: [0, 1] })).rejects.toMatchObject({ code: 'FEATURES_MISSHAPEN' });
    await expect(fitHead({ ...options, task: 'regression' })).rejects.toMatchObject({ code: 'HEAD_UNSUPPORTED' });
  });
});
