import { describe, expect, it } from '@jest/globals';
import { compose, createStream, head } from '@tfjs-peft/peft-core';
import { createToyHost, toyShift } from '../../test/toy-host.js';
import { createBatchOrder } from '../batches/batch-order.js';
import { headParameterNames } from '../optimisers/head-parameters.js';
import { parseNumbers, printNumbers } from './json-numbers.js';
import { isExhausted, noSelection, select } from './selection.js';
import { countSteps, parseTrainConfig, type TrainConfigInput } from './train-config.js';

describe('parseTrainConfig', () => {
  it('fills in the defaults', () => {
    expect(parseTrainConfig()).toMatchObject({
      learningRate: 2e-4,
      betas: [0.9, 0.999],
      clipNorm: 1,
      evaluateEvery: { epochs: 1, minSteps: 25 },
      validation: { mode: 'stochastic', aggregate: 'pooled', draws: 10, resample: true, logMidpoint: true },
    });
    expect(parseTrainConfig({ validation: { draws: 3 } }).validation).toMatchObject({ draws: 3, aggregate: 'pooled' });
  });

  it.each([
    [{ learningrate: 1 }, 'did you mean "learningRate"'],
    [{ validation: { drws: 1 } }, 'validation.drws'],
    [{ learningRate: 0 }, 'learningRate'],
    [{ batchSize: 2.5 }, 'batchSize'],
    [{ betas: [0.9, 1] }, 'betas.1'],
    [{ schedule: 'polynomial' }, 'schedule'],
    [{ momentum: 0.9 }, 'momentum'],
    [{ optimiser: 'sign_descent', momentum: 0.9 }, 'momentum'],
    [{ optimiser: 'sgd', betas: [0.9, 0.99] }, 'betas'],
    [{ optimiser: 'sgd', epsilon: 1e-6 }, 'betas'],
    [{ evaluateEvery: { minSteps: 0 } }, 'evaluateEvery.minSteps'],
  ])('refuses %j', (config, text) => {
    expect(() => parseTrainConfig(config as TrainConfigInput)).toThrow(text);
  });

  it('counts steps: the longer of epochs and steps, partial batches included', () => {
    expect(countSteps(parseTrainConfig(), 50)).toEqual({ steps: 1000, stepsPerEpoch: 4, evaluateEvery: 25 });
    expect(countSteps(parseTrainConfig(), 500)).toEqual({ steps: 1600, stepsPerEpoch: 32, evaluateEvery: 32 });
    expect(countSteps(parseTrainConfig({ steps: 7 }), 500).steps).toBe(7);
  });
});

describe('createBatchOrder', () => {
  it('gives each epoch a permutation of its own, whatever was asked before', () => {
    const stream = createStream(1);
    const orderOf = createBatchOrder(10);
    const steps = [1, 2, 3, 4, 5, 6].map((step) => orderOf(step, 4, stream));
    expect(steps.map(({ length }) => length)).toEqual([4, 4, 2, 4, 4, 2]);
    expect(steps.slice(0, 3).flat().sort()).toEqual([...Array(10).keys()]);
    expect(steps.slice(0, 3)).not.toEqual(steps.slice(3));
    expect(createBatchOrder(10)(5, 4, stream)).toEqual(steps[4]);
  });
});

describe('headParameterNames', () => {
  const { spec, dispose } = createToyHost();
  dispose();

  it('finds heads through the plan, not through names', () => {
    const method = compose(toyShift(), head({ labels: ['a', 'b'], name: 'classes' }));
    expect([...headParameterNames(method.plan(spec), spec)]).toEqual([
      'classes.classifier.weight',
      'classes.classifier.bias',
    ]);
  });

  it('takes all raw parameters of a namespace that acts at the readout alone', () => {
    const shape = [2];
    const initial = { kind: 'constant', value: 0 } as const;
    const raw = ['mlp.a', 'mixed.a', 'mixed.logits'].map((name) => ({ name, shape, initial }));
    const perExample = 'axis' as const;
    const effective = [
      { name: 'mlp.made', shape, site: 'readout', perExample },
      { name: 'mixed.logits', shape, site: 'readout', perExample },
      { name: 'mixed.a', shape, site: 'dense', perExample },
    ];
    expect([...headParameterNames({ raw, effective }, spec)]).toEqual(['mlp.a', 'mixed.logits']);
  });
});

describe('select', () => {
  const candidate = (step: number, headline: number, loss = 1) => ({ step, headline, loss, metrics: {} });
  const run = (tieBreak: 'first' | 'loss', ...list: readonly ReturnType<typeof candidate>[]) =>
    list.reduce((selection, next) => select(selection, next, tieBreak), noSelection);

  it('keeps the first of equals, or the one with the lower loss', () => {
    const list = [candidate(1, 0.5, 1), candidate(2, 0.5, 0.5), candidate(3, 0.5, 0.5)];
    expect(run('first', ...list)).toMatchObject({ best: { step: 1 }, waited: 2 });
    expect(run('loss', ...list)).toMatchObject({ best: { step: 2 }, waited: 1 });
  });

  it('takes any number for better than none', () => {
    expect(run('first', candidate(1, NaN), candidate(2, NaN), candidate(3, -0.2))).toMatchObject({ best: { step: 3 } });
    expect(run('loss', candidate(1, 0.1), candidate(2, NaN, 0))).toMatchObject({ best: { step: 1 } });
  });

  it('is exhausted after its patience', () => {
    const selection = run('first', candidate(1, 1), candidate(2, 0), candidate(3, 0));
    expect([1, 2, 3, null].map((patience) => isExhausted(selection, { patience }))).toEqual([true, true, false, false]);
  });
});

describe('printNumbers', () => {
  it('keeps every number', () => {
    const value = { a: [NaN, Infinity, -Infinity, -0, 0.1 + 0.2], text: 'NaN' };
    expect(parseNumbers(printNumbers(value))).toEqual(value);
  });
});
