import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { Context } from './context.js';
import type { HostOutputs } from './host.js';
import { lossWithFirstPass, type Objective, type Pass } from './objective.js';

const context = { mode: 'train' } as Context;
const batch = { inputs: {} as never, targets: [1] };

describe('lossWithFirstPass', () => {
  /** Each pass gives its number. */
  const counted = () => {
    let passes = 0;
    const pass: Pass = () => ({ lastHiddenState: tf.fill([1, 1, 1], ++passes) }) as HostOutputs;
    return { pass, passes: () => passes };
  };
  it('gives loss, terms and the outputs of the first of several passes, and runs none of its own', () => {
    const two: Objective = {
      id: 'two',
      loss(pass) {
        const sum = pass(context).lastHiddenState.add(pass(context).lastHiddenState).sum<tf.Scalar>();
        return { loss: sum, terms: { more: tf.scalar(7) } };
      },
    };
    const { pass, passes } = counted();
    const { loss, terms, first } = lossWithFirstPass(two, pass, batch, context);
    expect(passes()).toBe(2);
    expect(loss.arraySync()).toBe(3);
    expect(terms!.more!.arraySync()).toBe(7);
    expect(first!.lastHiddenState.arraySync()).toEqual([[[1]]]);
  });
  it('gives none where none was run', () => {
    const none: Objective = { id: 'none', loss: () => ({ loss: tf.scalar(0) }) };
    expect(lossWithFirstPass(none, counted().pass, batch, context)).toMatchObject({ first: undefined });
  });
});
