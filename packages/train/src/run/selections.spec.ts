import { afterAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { toyRequest } from '../../test/toy-request.js';
import { createToyHost } from '../../test/toy-host.js';
import { observe } from '../evaluate/observe.js';
import { train } from './train.js';
import type { Chosen } from './training-request.js';

const host = createToyHost();
afterAll(() => host.dispose());

const rules = {
  midpoint: { mode: 'midpoint' },
  'one-draw': { draws: 1 },
  dropout: { mode: 'dropout', draws: 2 },
  fixed: { draws: 3, resample: false, aggregate: 'ensemble' },
} as const;
const shared = { steps: 8, learningRate: 0.1, evaluateEvery: { epochs: 0, minSteps: 1 } };
const start = { seed: 1 };
const parts = ({ bestStep, best, raw, effective }: Chosen) => ({
  bestStep,
  best,
  raw: [...raw],
  effective: [...effective],
});

describe('several rules of selection in one run', () => {
  it('choose and stop as runs of their own do, to the bit', async () => {
    const config = { ...shared, patience: 3 };
    const before = tf.memory().numTensors;
    const together = await train(toyRequest(host, { ...config, selections: rules }, start));
    expect(tf.memory().numTensors).toBe(before);
    expect(parts(together)).toEqual(parts(await train(toyRequest(host, config, start))));
    const steps = new Set([together.bestStep]);
    for (const [rule, validation] of Object.entries(rules)) {
      const alone = await train(toyRequest(host, { ...config, validation }, start));
      expect([rule, parts(together.selections.get(rule)!)]).toEqual([rule, parts(alone)]);
      steps.add(alone.bestStep);
    }
    // Otherwise this would show nothing.
    expect(steps.size).toBeGreaterThan(1);
  });

  it('are logged beside each other, with what is only observed', async () => {
    const request = toyRequest(host, { selections: { midpoint: rules.midpoint } });
    const observed: number[] = [];
    const evaluator = observe(request.evaluator!, async () => ({ test: observed.push(0) }));
    const { history, best } = await train({ ...request, evaluator });
    const plain = await train(toyRequest(host));
    const rows = history.filter(({ split }) => split === 'dev');
    expect(rows.map((row) => row.observed)).toEqual(rows.map((_, index) => ({ test: index + 1 })));
    rows.forEach((row) => expect(row.selections!.midpoint!.metrics).toEqual(row.midpointMetrics));
    expect(best).toEqual(plain.best);
  });
});
