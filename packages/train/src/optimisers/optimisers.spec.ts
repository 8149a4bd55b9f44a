import { describe, expect, it } from '@jest/globals';
import { compose, head, type Parameters } from '@tfjs-peft/peft-core';
import type { Optimiser, OptimiserState } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { createToyHost, toyShift } from '../../test/toy-host.js';
import { toyRequest, toyTask, withHead } from '../../test/toy-request.js';
import { parseTrainConfig } from '../run/train-config.js';
import { train } from '../run/train.js';
import { averageParameters } from './average-parameters.js';
import { groupParameters } from './parameter-groups.js';
import { sgd } from './sgd.js';
import { signDescent } from './sign-descent.js';

useTestBackend();

const gradients = [
  [1, -2, 0],
  [0.5, 1, -4],
  [-3, 0, 2],
];
/** Three updates of one vector with rate 0.1, decay 0.2 and halved gradients. */
async function threeSteps(optimiser: Optimiser): Promise<number[]> {
  let parameters: Parameters = new Map([['a', tf.tensor1d([1, 2, -1])]]);
  let state: OptimiserState = optimiser.init(parameters);
  for (const [index, gradient] of gradients.entries())
    ({ parameters, state } = optimiser.update({
      parameters,
      gradients: new Map([['a', tf.tensor1d(gradient)]]),
      state,
      step: index + 1,
      settingsOf: () => ({ learningRate: 0.1, weightDecay: 0.2 }),
      gradientScale: tf.scalar(0.5),
    }));
  return [...(await parameters.get('a')!.data())];
}
const expectClose = (found: number[], expected: number[]) =>
  found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));

describe('sgd', () => {
  it.each([0, 0.9])('with momentum %d is torch.optim.SGD with decoupled decay', async (momentum) => {
    const values = [1, 2, -1];
    const velocities = [0, 0, 0];
    for (const gradient of gradients)
      gradient.forEach((g, i) => {
        velocities[i] = momentum * velocities[i]! + g / 2;
        values[i] = values[i]! * (1 - 0.1 * 0.2) - 0.1 * velocities[i]!;
      });
    expectClose(await threeSteps(sgd({ momentum })), values);
    expect(sgd({ momentum }).init(new Map([['a', tf.ones([2])]])).size).toBe(momentum === 0 ? 0 : 1);
  });
});

describe('signDescent', () => {
  it('moves by the rate, whatever the length of the gradient', async () => {
    const values = [1, 2, -1];
    for (const gradient of gradients)
      gradient.forEach((g, i) => (values[i] = values[i]! * (1 - 0.1 * 0.2) - 0.1 * Math.sign(g)));
    expectClose(await threeSteps(signDescent()), values);
  });
});

describe('groupParameters', () => {
  const host = createToyHost();
  const { spec } = host;
  const plan = compose(toyShift(), head({ labels: ['a', 'b'], name: 'classes' })).plan(spec);
  const grouped = (...groups: Parameters_) =>
    groupParameters(plan, spec, { learningRate: 1, weightDecay: 0.5 }, groups);
  type Parameters_ = globalThis.Parameters<typeof groupParameters>[3][number][];

  it('gives rate, decay and freedom by name, `head` by place; later groups win', () => {
    const plain = grouped();
    expect(plain.trained).toEqual(['shift.base', 'shift.gain', 'classes.classifier.weight', 'classes.classifier.bias']);
    expect(plain.settingsOf('classes.classifier.bias')).toMatchObject({ learningRate: 1, weightDecay: 0 });
    expect(plain.settingsOf('shift.base')).toMatchObject({ learningRate: 1, weightDecay: 0.5 });
    const { settingsOf, trained } = grouped(
      { parameters: 'head', learningRate: 3, weightDecay: 0.25 },
      { parameters: '.*\\.bias', learningRate: 4 },
      { parameters: 'shift\\..*', frozen: true },
      { parameters: 'shift\\.gain', frozen: false },
    );
    expect(settingsOf('classes.classifier.weight')).toMatchObject({ learningRate: 3, weightDecay: 0.25 });
    expect(settingsOf('classes.classifier.bias')).toMatchObject({ learningRate: 4, weightDecay: 0.25 });
    expect(trained).toEqual(['shift.gain', 'classes.classifier.weight', 'classes.classifier.bias']);
  });

  it('refuses a group of nothing, with near misses', () => {
    const refusal = (parameters: string) => {
      try {
        grouped({ parameters, learningRate: 1 });
      } catch (error) {
        return error as { code: string; message: string };
      }
      throw new Error('not refused');
    };
    expect(refusal('shift\\.bases')).toMatchObject({ code: 'GROUP_MATCHES_NOTHING' });
    expect(refusal('shift.bse').message).toContain('shift.base');
    // It must match whole names, and what is not trainable is no parameter of a group.
    expect(refusal('base').code).toBe('GROUP_MATCHES_NOTHING');
    expect(refusal('shift\\.fixed').code).toBe('GROUP_MATCHES_NOTHING');
  });

  it('keeps frozen parameters to the bit in training, and moves the others by rates of their own', async () => {
    const before = tf.memory().numTensors;
    const config = {
      steps: 3,
      warmupRatio: 0,
      schedule: 'constant',
      optimiser: 'sign_descent',
      learningRate: 0.01,
      weightDecay: 0.1,
    } as const;
    const run = (groups: Parameters_, more: object = {}) =>
      train(toyRequest(host, { ...config, ...more, groups }, toyTask({ dev: [] })));
    const [frozen, start] = [
      await run([{ parameters: 'shift\\..*', frozen: true }]),
      await run([], { learningRate: 1e-30, weightDecay: 0 }),
    ];
    const projecting = withHead({
      ...toyShift(),
      afterStep: (raw) => new Map([...raw].map(([name, tensor]) => [name, tensor.add(1)])),
    });
    const groups = [{ parameters: 'shift\\..*', frozen: true }];
    const projected = await train(
      toyRequest(host, { ...config, groups }, { ...toyTask({ dev: [] }), method: projecting }),
    );
    for (const name of ['shift.base', 'shift.gain', 'shift.fixed'])
      for (const { raw } of [frozen, projected]) expect(raw.get(name)).toEqual(start.raw.get(name));
    expect(frozen.raw.get('head.classifier.weight')).not.toEqual(start.raw.get('head.classifier.weight'));
    const bias = (await run([{ parameters: 'head', learningRate: 0.5 }], { steps: 1 })).raw.get(
      'head.classifier.bias',
    )!;
    expect([...bias.data].map(Math.abs)).toEqual([0.5, 0.5]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is part of the configuration', () => {
    const groups = [{ parameters: 'head', learningRate: 1 }];
    expect(parseTrainConfig({ groups }).groups).toEqual(groups);
    expect(() => parseTrainConfig({ groups: [{ parameters: 'head', rate: 1 } as never] })).toThrow('groups.0.rate');
  });
});

describe('averageParameters', () => {
  it('trains as before and returns the moving average, also in the run', async () => {
    expectClose(await threeSteps(averageParameters(sgd(), 0.9)), await threeSteps(sgd()));
    const host = createToyHost();
    // Two runs of one trajectory: the first keeps every state of it.
    const trajectory: number[][] = [];
    const name = [...(await train(toyRequest(host, { steps: 1 }))).raw.keys()].find((key) => key.includes('head'))!;
    const config = { steps: 4, patience: null, optimiser: 'sgd', learningRate: 0.1 } as const;
    for (let steps = 0; steps <= 4; steps++) {
      const request = toyRequest(host, { ...config, schedule: 'constant', steps: Math.max(1, steps) });
      const { raw } = await train({
        ...request,
        evaluator: undefined,
        ...(steps === 0 && {
          config: parseTrainConfig({ ...config, steps: 1, learningRate: 1e-30, schedule: 'constant' }),
        }),
      });
      trajectory.push([...raw.get(name)!.data]);
    }
    const averaged = await train({
      ...toyRequest(host, { ...config, schedule: 'constant', averageDecay: 0.3 }),
      evaluator: undefined,
    });
    let expected = trajectory[0]!;
    trajectory.slice(1).forEach((values, index) => {
      const kept = Math.min(0.3, (2 + index) / (11 + index));
      expected = expected.map((value, place) => kept * value + (1 - kept) * values[place]!);
    });
    expectClose([...averaged.raw.get(name)!.data], expected);
    expect(Math.abs(expected[0]! - trajectory[4]![0]!)).toBeGreaterThan(1e-4);
    host.dispose();
  });
});
