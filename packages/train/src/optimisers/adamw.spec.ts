import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import type { Parameters } from '@tfjs-peft/peft-core';
import type { OptimiserState } from '@tfjs-peft/peft-core/authoring';
import { adamW } from './adamw.js';
import { clippingScale, globalNorm } from '../step/gradient-norm.js';
import { warmupThen } from './schedule.js';

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
  JSON.parse(readFileSync(new URL(`../../goldens/${name}.json`, import.meta.url), 'utf8')) as T;
const golden = readGolden<Golden>('adamw');
const tensors = (values: number[][]): Parameters =>
  new Map(values.map((flat, i) => [String(i), tf.tensor(flat, golden.shapes[i]!)]));

useTestBackend();

describe('adamW', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(golden.cases)(
    'follows torch.optim.AdamW: clip $clipNorm, decay $weightDecay, $schedule',
    async (testCase) => {
      const { clipNorm, weightDecay, schedule, start, steps } = testCase;
      const optimiser = adamW({ betas: golden.betas, epsilon: golden.epsilon });
      let parameters = tensors(start);
      let state: OptimiserState = optimiser.init(parameters);
      for (const [index, { gradients, norm, values: expected }] of steps.entries()) {
        const given = tensors(gradients);
        const measured = globalNorm([...given.values()]);
        expect((await measured.data())[0]).toBeCloseTo(norm, 5);
        const warmupRatio = schedule === 'linear' ? 0.2 : 0;
        const factor = warmupThen(schedule, warmupRatio)(index + 1, 10);
        ({ parameters, state } = optimiser.update({
          parameters,
          gradients: given,
          state,
          step: index + 1,
          // Decay acts on matrices alone, as groups of parameters say.
          settingsOf: (name) => ({
            learningRate: golden.rates[Number(name)]! * factor,
            weightDecay: golden.shapes[Number(name)]!.length >= 2 ? weightDecay : 0,
          }),
          ...(clipNorm !== null && { gradientScale: clippingScale(measured, clipNorm) }),
        }));
        for (const [name, value] of parameters) {
          const numbers = [...(await value.data())];
          const largest = Math.max(...numbers.map((number, at) => Math.abs(number - expected[Number(name)]![at]!)));
          expect(largest).toBeLessThan(2e-6);
        }
      }
    },
  );

  it('leaves a tensor without gradient and its moments alone, decay included', () => {
    const value = tf.ones([2, 2]);
    const moment = tf.ones([2, 2]);
    const { parameters, state } = adamW().update({
      parameters: new Map([['a', value]]),
      gradients: new Map(),
      state: new Map(['firstMoments', 'secondMoments'].map((slot) => [slot, new Map([['a', moment]])])),
      step: 1,
      settingsOf: () => ({ learningRate: 1, weightDecay: 0.5 }),
    });
    expect(parameters.get('a')).toBe(value);
    for (const slot of ['firstMoments', 'secondMoments']) expect(state.get(slot)!.get('a')).toBe(moment);
  });
});

describe('warmupThen', () => {
  const { steps, warmupRatio, factors } = readGolden<{
    steps: number;
    warmupRatio: number;
    factors: Record<'linear' | 'cosine' | 'constant', number[]>;
  }>('schedules');

  it.each(['linear', 'cosine', 'constant'] as const)('gives the %s schedule of transformers', (schedule) => {
    const ours = factors[schedule].map((_, index) => warmupThen(schedule, warmupRatio)(index + 1, steps));
    ours.forEach((factor, index) => expect(factor).toBeCloseTo(factors[schedule][index]!, 12));
  });
});
