import { afterAll, describe, expect, it } from '@jest/globals';
import { disposeParameters, head, type PeftMethod, toParameters } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import {
  comparable,
  codeOf,
  toyRequest,
  toyTask,
  trainLosses,
  withHead,
  withoutPrepare,
} from '../../test/toy-request.js';
import { accuracy, createToyHost, toyExamples, toyShift } from '../../test/toy-host.js';
import { predictLogits } from '../evaluate/predict-logits.js';
import { squaredError } from '../objectives/squared-error.js';
import { train } from './train.js';
import type { TrainingResult } from './training-request.js';
import type { TrainEvent } from './train-events.js';

const host = createToyHost();
afterAll(() => host.dispose());

describe('train', () => {
  it('learns a separable task and predicts with what it returns', async () => {
    const examples = toyExamples(64, 'train');
    const request = toyRequest(
      host,
      { steps: 150, learningRate: 0.1, evaluateEvery: { epochs: 5, minSteps: 1 } },
      toyTask({ train: examples }),
    );
    const { effective, method, history, bestStep, best } = await train(request);
    const losses = trainLosses(history);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(losses.slice(-16))).toBeLessThan(0.5 * mean(losses.slice(0, 16)));
    const tests = toyExamples(60, 'test');
    const parameters = toParameters(effective);
    const texts = tests.map(({ text }) => text);
    const { logits } = await predictLogits({ host, method, effective: parameters, texts });
    disposeParameters(parameters);
    expect(
      accuracy(
        logits,
        tests.map(({ label }) => label),
      ).headline,
    ).toBeGreaterThan(0.9);
    const row = history.find(({ split, step }) => split === 'dev' && step === bestStep);
    expect(row).toMatchObject({ best: true, headline: best!.headline });
  });

  it('gives the same bits again, and others for another seed', async () => {
    const [a, b, other] = [
      await train(toyRequest(host)),
      await train(toyRequest(host)),
      await train(toyRequest(host, {}, { seed: 43 })),
    ];
    expect(comparable(a.history)).toEqual(comparable(b.history));
    expect([...a.effective]).toEqual([...b.effective]);
    expect(trainLosses(other.history)).not.toEqual(trainLosses(a.history));
  });

  it('trains the same whatever validation does (T8)', async () => {
    const validations = [
      { mode: 'midpoint' },
      { mode: 'stochastic', draws: 10, logMidpoint: false },
      { mode: 'stochastic', draws: 3, resample: false },
      { mode: 'dropout', draws: 2 },
    ] as const;
    const runs: TrainingResult[] = [];
    for (const validation of validations) runs.push(await train(toyRequest(host, { validation })));
    runs.push(await train(toyRequest(host, {}, toyTask({ dev: [] }))));
    for (const { history } of runs) expect(trainLosses(history)).toEqual(trainLosses(runs[0]!.history));
    const headlines = (index: number) =>
      runs[index]!.history.flatMap(({ loss, split }) => (split === 'dev' ? [loss] : []));
    expect(headlines(1)).not.toEqual(headlines(0));
    expect(headlines(2)).not.toEqual(headlines(0));
  });

  it('validates a method that draws nothing stochastically exactly as deterministically (T8)', async () => {
    const method = withHead(toyShift());
    const options = { steps: 12, evaluateEvery: { epochs: 0, minSteps: 3 } };
    for (const aggregate of ['pooled', 'mean', 'ensemble'] as const) {
      const drawn = await train(
        toyRequest(host, { ...options, validation: { mode: 'stochastic', aggregate } }, { method }),
      );
      const midpoint = await train(toyRequest(host, { ...options, validation: { mode: 'midpoint' } }, { method }));
      const rows = drawn.history.filter(({ split }) => split === 'dev');
      rows.forEach((row) => expect(row.midpointMetrics).toEqual(row.metrics));
      const plain = comparable(rows).map(({ midpointMetrics: _, ...row }) => row);
      expect(plain).toEqual(comparable(midpoint.history).filter(({ split }) => split === 'dev'));
    }
  });

  it('leaves no tensors behind, and holds a constant number from step 3 on', async () => {
    const before = tf.memory().numTensors;
    const { history } = await train(toyRequest(host));
    expect(tf.memory().numTensors).toBe(before);
    const counts = new Set(history.filter(({ step }) => step >= 3).map(({ tensors }) => tensors));
    expect(counts.size).toBe(1);
  });

  it('leaves no tensors behind when it fails: in the forward pass, in the method, while evaluating', async () => {
    const before = tf.memory().numTensors;
    const broken: PeftMethod = {
      ...withoutPrepare(withHead(toyShift())),
      afterStep: () => {
        throw new Error('broken on purpose');
      },
    };
    await expect(train(toyRequest(host, {}, { method: broken }))).rejects.toThrow('broken on purpose');
    const score = () => {
      throw new Error('no score');
    };
    await expect(train(toyRequest(host, {}, toyTask({ score })))).rejects.toThrow('no score');
    expect(await codeOf(train(toyRequest(host, {}, { method: toyShift() })))).toBe('LOGITS_MISSING');
    expect(tf.memory().numTensors).toBe(before);
  });

  it('trains only what is trainable, on rates of their own, and projects after each step', async () => {
    const method = withHead(toyShift({ project: true }));
    const config = { steps: 1, warmupRatio: 0, headLearningRate: 0.5, learningRate: 0.01, clipNorm: null };
    const { raw } = await train(toyRequest(host, config, { method, ...toyTask({ dev: [] }) }));
    const start = await train(
      toyRequest(
        host,
        { ...config, headLearningRate: 1e-12, learningRate: 1e-12 },
        { method, ...toyTask({ dev: [] }) },
      ),
    );
    const moved = (name: string) =>
      Math.max(...raw.get(name)!.data.map((value, i) => Math.abs(value - start.raw.get(name)!.data[i]!)));
    // The first AdamW update is the rate times the gradient's sign.
    expect(moved('shift.base')).toBeCloseTo(0.01, 4);
    expect(moved('head.classifier.weight')).toBeCloseTo(0.5, 4);
    expect(moved('shift.fixed')).toBe(0);
    expect([...raw.get('shift.gain')!.data].every((value) => Math.abs(value - 1) <= 0.001001)).toBe(true);
  });

  it('tells what it does through events', async () => {
    const events: TrainEvent[] = [];
    const { history } = await train(toyRequest(host, {}, { onEvent: (event) => events.push(event) }));
    const [start] = events;
    expect(start).toMatchObject({
      type: 'start',
      steps: 22,
      stepsPerEpoch: 5,
      evaluateEvery: 5,
      resumedFrom: null,
      history: [],
    });
    expect(start).toMatchObject({ counts: { trainable: 12 + 2 + 12 + 2 } });
    expect(events.at(-1)).toMatchObject({ type: 'end', steps: 22, stoppedEarly: false });
    const rows = events.flatMap((event) => (event.type === 'step' || event.type === 'evaluation' ? [event.row] : []));
    expect(rows).toEqual(history);
    expect(history.filter(({ split }) => split === 'dev').map(({ step }) => step)).toEqual([5, 10, 15, 20, 22]);
    const steps = events.filter((event) => event.type === 'step');
    expect(steps).toHaveLength(22);
    expect(steps.every(({ etaSeconds, penalty }) => Number.isFinite(etaSeconds) && penalty > 0)).toBe(true);
    expect(steps.at(-1)!.etaSeconds).toBeLessThan(10);
  });

  it('stops early, keeps the first of equal states, and returns the best one', async () => {
    const headlines = [0.5, 0.9, 0.9, Number.NaN, 0.8];
    let calls = 0;
    const score = () => ({ headline: headlines[calls++]!, metrics: {} });
    const config = {
      validation: { mode: 'midpoint' },
      patience: 2,
      evaluateEvery: { epochs: 0, minSteps: 2 },
    } as const;
    const result = await train(toyRequest(host, config, toyTask({ score })));
    expect(result).toMatchObject({ bestStep: 4, steps: 8, stoppedEarly: true });
    const short = await train(
      toyRequest(host, { ...config, steps: 4, schedule: 'constant', warmupRatio: 0 }, toyTask({ dev: [] })),
    );
    const long = toyRequest(host, { ...config, schedule: 'constant', warmupRatio: 0 }, toyTask({ score }));
    calls = 0;
    expect([...(await train(long)).raw]).toEqual([...short.raw]);
  });

  it('gives every wrapper the same batches', async () => {
    const seen = async (method: PeftMethod) => {
      const batches: number[][] = [];
      const spy = {
        ...host,
        forward: (...args: Parameters<typeof host.forward>) => {
          batches.push([...args[0].inputIds.dataSync()]);
          return host.forward(...args);
        },
      };
      await train(toyRequest(spy, {}, { method, ...toyTask({ dev: [] }) }));
      return batches;
    };
    const plain = await seen(head({ labels: ['low', 'high'] }));
    expect(await seen(withHead(toyShift({ noise: 1 })))).toEqual(plain);
    // Every epoch sees every text once, in another order.
    const tokens = (batches: number[][]) =>
      batches
        .flat()
        .filter((id) => id > 0)
        .sort()
        .join();
    expect(tokens(plain.slice(0, 5))).toBe(tokens(plain.slice(5, 10)));
    expect(plain.slice(0, 5)).not.toEqual(plain.slice(5, 10));
  });

  it('gives each kind of randomness a stream of its own, derived from the seed', async () => {
    const paths: Record<string, string[]> = { train: [], sample: [] };
    const spy = {
      ...host,
      forward: (...args: Parameters<typeof host.forward>) => {
        const { mode, streams } = args[2];
        paths[mode]?.push(streams.draws.path, streams.dropout.path);
        return host.forward(...args);
      },
    };
    await train(toyRequest(spy, { steps: 5, validation: { draws: 2 } }));
    expect(paths.train!.slice(0, 4)).toEqual(['42/draws-train/1', '42/dropout/1', '42/draws-train/2', '42/dropout/2']);
    expect(paths.sample!.every((path) => path.startsWith('42/draws-validation/5/'))).toBe(true);
    // Three batches, two draws: all different, while the unused dropout is the same for both draws.
    expect(new Set(paths.sample!.filter((path) => path.includes('/draws/'))).size).toBe(6);
  });

  it('adds penalties and objectives of methods', async () => {
    const doubled: PeftMethod = {
      ...withoutPrepare(withHead(toyShift({ beta: 0.5 }))),
      objective: ({ id, loss }) => ({ id, loss: (...args) => ({ loss: loss(...args).loss.mul<tf.Scalar>(2) }) }),
    };
    const config = { steps: 1, warmupRatio: 0 };
    const plain = await train(
      toyRequest(host, config, { method: withHead(toyShift({ beta: 0.5 })), ...toyTask({ dev: [] }) }),
    );
    const twice = await train(toyRequest(host, config, { method: doubled, ...toyTask({ dev: [] }) }));
    expect(twice.history[0]!.loss).toBeCloseTo(2 * plain.history[0]!.loss, 5);
    expect(twice.history[0]!.penalty).toBe(plain.history[0]!.penalty);
    expect(plain.history[0]!.penalty).toBeGreaterThan(0);
  });

  it('prepares a method on the training texts first', async () => {
    const rows: number[] = [];
    const method: PeftMethod = {
      ...withHead(toyShift()),
      prepare: async (_host, { batches }) => {
        for await (const { inputs } of batches) rows.push(inputs.inputIds.shape[0]);
        return withHead(toyShift({ noise: 0.1 }));
      },
    };
    const before = tf.memory().numTensors;
    const result = await train(toyRequest(host, { steps: 2 }, { method }));
    expect(rows).toEqual([4, 4, 4, 4, 2]);
    expect(result.method.parts![0]!.config).toMatchObject({ noise: 0.1 });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('warns about parameters without influence', async () => {
    const idle = { name: 'idle.weight', shape: [2], initial: { kind: 'constant', value: 1 } } as const;
    const base = withoutPrepare(withHead(toyShift()));
    const method: PeftMethod = {
      ...base,
      namespaces: [...base.namespaces, 'idle'],
      plan: (spec) => ({ ...base.plan(spec), raw: [...base.plan(spec).raw, idle] }),
    };
    const texts: string[] = [];
    const { raw } = await train(
      toyRequest(
        host,
        { steps: 2 },
        { method, onEvent: (event) => event.type === 'warning' && texts.push(event.text) },
      ),
    );
    expect(texts).toEqual([expect.stringContaining('idle.weight')]);
    expect([...raw.get('idle.weight')!.data]).toEqual([1, 1]);
  });

  it('regresses with the mean squared error', async () => {
    const numbers = (seed: string) => toyExamples(40, seed).map(({ text, label }) => ({ text, label: 2.5 + label }));
    const score = (logits: Float32Array, labels: readonly number[]) => {
      const error = labels.reduce((sum, label, i) => sum + (label - logits[i]!) ** 2, 0) / labels.length;
      return { headline: -error, metrics: { error } };
    };
    const { history, best } = await train(
      toyRequest(
        host,
        { steps: 150, learningRate: 0.2 },
        {
          method: head({ labels: ['score'] }),
          ...toyTask({ objective: squaredError(), train: numbers('train'), dev: numbers('dev'), score }),
        },
      ),
    );
    expect(-best!.headline).toBeLessThan(0.3);
    expect(best!.loss).toBeCloseTo(-best!.headline, 5);
    expect(trainLosses(history)[0]).toBeGreaterThan(3);
  });
});
