import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { applyAdamW } from './adamw.js';
import { clippingScale, globalNorm } from '../step/gradient-norm.js';
import { learningRateFactor } from './schedule.js';

interface Golden {
  readonly shapes: number[][];
  readonly rates: number[];
  readonly betas: [number, number];
  readonly epsilon: number;
  readonly cases: {
    readonly clipNorm: number | null;
    readonly weightDecay: number;
    readonly schedule: 'constant' | 'linear';
    readonly start: number[][];
    readonly steps: { readonly gradients: number[][]; readonly norm: number; readonly values: number[][] }[];
  }[];
}
const readGolden = <T>(name: string) =>
  JSON.parse(readFileSync(new URL(`../goldens/${name}.json`, import.meta.url), 'utf8')) as T;
const golden = readGolden<Golden>('adamw');
const tensors = (values: number[][]) => values.map((flat, i) => tf.tensor(flat, golden.shapes[i]!));

useTestBackend();

describe('applyAdamW', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(golden.cases)(
    'follows torch.optim.AdamW: clip $clipNorm, decay $weightDecay, $schedule',
    async (testCase) => {
      const { clipNorm, weightDecay, schedule, start, steps } = testCase;
      let values = tensors(start);
      let firstMoments: tf.Tensor[] = values.map((value) => tf.zerosLike(value));
      let secondMoments: tf.Tensor[] = values.map((value) => tf.zerosLike(value));
      for (const [index, { gradients, norm, values: expected }] of steps.entries()) {
        const given = tensors(gradients);
        const measured = globalNorm(given);
        expect((await measured.data())[0]).toBeCloseTo(norm, 5);
        const warmupRatio = schedule === 'linear' ? 0.2 : 0;
        const factor = learningRateFactor({ schedule, warmupRatio }, index + 1, 10);
        const updated = applyAdamW(
          values.map((value, i) => ({
            value,
            gradient: given[i]!,
            firstMoment: firstMoments[i]!,
            secondMoment: secondMoments[i]!,
            learningRate: golden.rates[i]! * factor,
          })),
          { betas: golden.betas, epsilon: golden.epsilon, weightDecay },
          index + 1,
          clipNorm === null ? undefined : clippingScale(measured, clipNorm),
        );
        values = updated.map(({ value }) => value);
        firstMoments = updated.map(({ firstMoment }) => firstMoment);
        secondMoments = updated.map(({ secondMoment }) => secondMoment);
        for (const [i, value] of values.entries()) {
          const numbers = [...(await value.data())];
          const largest = Math.max(...numbers.map((number, at) => Math.abs(number - expected[i]![at]!)));
          expect(largest).toBeLessThan(2e-6);
        }
      }
    },
  );

  it('leaves a tensor without gradient and its moments alone, decay included', () => {
    const value = tf.ones([2, 2]);
    const moment = tf.ones([2, 2]);
    const input = { value, firstMoment: moment, secondMoment: moment, learningRate: 1 };
    const [output] = applyAdamW([input], { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.5 }, 1);
    expect(output!.value).toBe(value);
    expect(output!.firstMoment).toBe(moment);
  });
});

describe('learningRateFactor', () => {
  const { steps, warmupRatio, factors } = readGolden<{
    steps: number;
    warmupRatio: number;
    factors: Record<'linear' | 'cosine' | 'constant', number[]>;
  }>('schedules');

  it.each(['linear', 'cosine', 'constant'] as const)('gives the %s schedule of transformers', (schedule) => {
    const ours = factors[schedule].map((_, index) => learningRateFactor({ schedule, warmupRatio }, index + 1, steps));
    ours.forEach((factor, index) => expect(factor).toBeCloseTo(factors[schedule][index]!, 12));
  });
});
