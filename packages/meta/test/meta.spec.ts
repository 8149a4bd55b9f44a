import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lora } from '@tfjs-peft/lora';
import {
  compose,
  createStream,
  disposeParameters,
  head,
  type Host,
  initialValues,
  type Parameters,
  type PeftMethod,
  readParameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import { lossAndGradients, lossOfBatch, trainableNames } from '@tfjs-peft/peft-core/authoring';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import {
  accuracy,
  adamW,
  createMemoryStore,
  crossEntropy,
  parseTrainConfig,
  sgd,
  toBatch,
  train,
  type UpdateRule,
} from '@tfjs-peft/train';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import {
  adapt,
  adaptInSteps,
  adaptationCurve,
  adaptationEvaluator,
  type Episodes,
  episodeSource,
  fixedEpisodes,
  fomaml,
  type InnerLoop,
  type MetaLearning,
  multitask,
  objectiveOfEpisodes,
  reptile,
  rowsOfList,
  scoreOfLogits,
} from '../src/index.js';
import { toyTasks } from './toy-tasks.js';

useTestBackend();

let host: Host;
beforeAll(async () => {
  host = await createRandomHost();
});
afterAll(() => host.dispose());

type Targets = readonly number[];
const objective = crossEntropy();
const inner: InnerLoop = { optimiser: sgd(), learningRate: 0.1, clipNorm: null, batchSize: null };
const setting = (steps: number, more: Partial<MetaLearning<Targets>> = {}): MetaLearning<Targets> => ({
  objective,
  inner,
  steps,
  rows: rowsOfList,
  ...more,
});
const ownHead: MetaLearning<Targets>['ownPart'] = ({ labels }) => head({ labels: [...labels!], readout: 'mean' });
const withHead = (method: PeftMethod) => compose(method, head({ labels: ['yes', 'no'], readout: 'mean' }));
const draw = { shots: 3, queries: 4 };
const streams = { dropout: createStream('dropout'), draws: createStream('draws') };

const startOf = (method: PeftMethod): Parameters => {
  const values = initialValues(method.plan(host.spec), createStream(3));
  // Zeros would hide a gradient of the wrong factor.
  return toParameters(
    new Map(
      [...values].map(
        ([name, { shape, data }]) =>
          [name, { shape, data: data.map((value, i) => value + 0.05 * Math.sin(i + 1)) }] as const,
      ),
    ) as typeof values,
  );
};
const request = (method: PeftMethod, raw: Parameters, episodes: Episodes<Targets>) => ({
  host,
  method,
  raw,
  texts: { texts: episodes.flatMap(({ support, query }) => [...support.texts, ...query.texts]), targets: episodes },
  objective: objectiveOfEpisodes(objective),
  wrt: trainableNames(method.plan(host.spec)),
  streams,
});
const gradientsOf = async (
  rule: UpdateRule<Episodes<Targets>>,
  ...rest: [PeftMethod, Parameters, Episodes<Targets>]
) => {
  const { gradients, loss } = tf.tidy(() => {
    const result = rule.lossAndGradients(request(...rest));
    return { loss: result.loss, gradients: Object.fromEntries(result.gradients) };
  });
  const read = await readParameters(new Map(Object.entries(gradients)));
  const value = (await loss.data())[0]!;
  tf.dispose([loss, gradients]);
  return { loss: value, gradients: read };
};
const largestGap = (a: Awaited<ReturnType<typeof readParameters>>, b: typeof a) => {
  expect([...a.keys()].sort()).toEqual([...b.keys()].sort());
  return Math.max(
    ...[...a].flatMap(([name, { data }]) => [...data].map((value, i) => Math.abs(value - b.get(name)!.data[i]!))),
  );
};

describe('episodes', () => {
  const tasks = toyTasks(3);
  const source = episodeSource(tasks, draw);
  it('meet every task once an epoch; support and query share no text; the same stream gives the same', () => {
    const stream = createStream(1);
    const epoch = [...source.batch(1, 2, stream).targets, ...source.batch(2, 2, stream).targets].slice(0, 3);
    expect(epoch.map(({ name }) => name).sort()).toEqual(['task 0', 'task 1', 'task 2']);
    for (const { support, query } of epoch) {
      expect(support.targets).toEqual([0, 0, 0, 1, 1, 1]);
      expect(query.targets).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
      const texts = [...support.texts, ...query.texts];
      expect(new Set(texts).size).toBe(14);
    }
    expect(source.batch(2, 2, stream)).toEqual(episodeSource(tasks, draw).batch(2, 2, createStream(1)));
    expect(source.batch(1, 2, stream)).not.toEqual(source.batch(1, 2, createStream(2)));
  });
  it('draw classes anew and number them from 0', () => {
    const many = [
      {
        name: 'many',
        labels: ['a', 'b', 'c', 'd'],
        examples: [
          ...toyTasks(1)[0]!.examples,
          ...toyTasks(1, { from: 1 })[0]!.examples.map(({ text, label }) => ({ text, label: label + 2 })),
        ],
      },
    ];
    const drawn = Array.from(
      { length: 8 },
      (_, i) => episodeSource(many, { ...draw, ways: 2 }).batch(i + 1, 1, createStream(1)).targets[0]!,
    );
    expect(new Set(drawn.map(({ labels }) => labels!.join())).size).toBeGreaterThan(2);
    for (const { query } of drawn) expect(new Set(query.targets)).toEqual(new Set([0, 1]));
  });
  it.each([{ shots: 0 }, { queries: 0 }, { ways: 1 }, { shots: 1.5 }])(
    'refuses episodes that teach nothing: %j',
    (odd) => {
      expect(() => episodeSource(tasks, { ...draw, ...odd })).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID' }),
      );
    },
  );
  it('refuses tasks that are too small, and none', () => {
    expect(() => episodeSource(tasks, { shots: 6, queries: 7 })).toThrow(
      expect.objectContaining({ code: 'TASK_TOO_SMALL' }),
    );
    expect(() => episodeSource([{ ...tasks[0]!, labels: ['yes'] }], draw)).toThrow(
      expect.objectContaining({ code: 'TASK_TOO_SMALL' }),
    );
    expect(() => episodeSource([], draw)).toThrow(expect.objectContaining({ code: 'TASKS_MISSING' }));
  });
});

describe('the meta-gradient', () => {
  const method = withHead(lora({ rank: 2 }));
  const episodes = fixedEpisodes(toyTasks(2), draw, { perTask: 1, seed: 5 });
  let raw: Parameters;
  beforeAll(() => {
    raw = startOf(method);
  });
  afterAll(() => disposeParameters(raw));

  it('without inner steps is that of multitask learning, the mean of plain gradients', async () => {
    const plain = tf.tidy(() => {
      const each = episodes.map(({ query }) => {
        const context = { mode: 'train' as const, host: host.spec, batchSize: query.texts.length, streams };
        return lossAndGradients({ host, method, raw, batch: toBatch(host, query), objective, context }).gradients;
      });
      return Object.fromEntries([...each[0]!].map(([name, first]) => [name, first.add(each[1]!.get(name)!).div(2)]));
    });
    const expected = await readParameters(new Map(Object.entries(plain)));
    tf.dispose(plain);
    for (const rule of [fomaml(setting(0)), multitask(setting(3))])
      expect(largestGap((await gradientsOf(rule, method, raw, episodes)).gradients, expected)).toBeLessThan(1e-6);
    const whole = tf.tidy(() => {
      const given = request(method, raw, episodes);
      const context = { mode: 'train' as const, host: host.spec, batchSize: given.texts.texts.length, streams };
      const { gradients } = lossAndGradients({ ...given, batch: toBatch(host, given.texts), context });
      return Object.fromEntries(gradients);
    });
    expect(largestGap(await readParameters(new Map(Object.entries(whole))), expected)).toBeLessThan(1e-6);
    tf.dispose(whole);
    // Control: with inner steps it is another one.
    expect(
      largestGap((await gradientsOf(fomaml(setting(3)), method, raw, episodes)).gradients, expected),
    ).toBeGreaterThan(1e-3);
  });

  it('is the slope of the query loss at the adapted point; the start keeps its bits; nothing leaks', async () => {
    const [episode] = episodes;
    const before = await readParameters(raw);
    const tensors = tf.memory().numTensors;
    const { gradients, loss } = await gradientsOf(fomaml(setting(2)), method, raw, [episode!]);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(largestGap(await readParameters(raw), before)).toBe(0);
    // The streams of an episode, so that the adapted point is the same.
    const lossAt = (name: string, place: number, change: number) => {
      const values = tf.tidy(() => {
        const adapted = adapt(
          {
            host,
            method,
            support: episode!.support,
            objective,
            inner,
            rows: rowsOfList,
            stream: createStream('any: no dropout, no draws'),
          },
          raw,
          2,
        );
        const old = adapted.get(name)!;
        const nudge = tf.oneHot(tf.scalar(place, 'int32'), old.size).mul(change).reshape(old.shape);
        const moved = new Map([...adapted, [name, old.add(nudge)]]);
        const context = { mode: 'train' as const, host: host.spec, batchSize: episode!.query.texts.length, streams };
        return lossOfBatch({ host, method, raw: moved, batch: toBatch(host, episode!.query), objective, context }).loss;
      });
      const [value] = values.dataSync();
      values.dispose();
      return value!;
    };
    const first = [...gradients.keys()][0]!;
    expect(Math.abs(lossAt(first, 0, 0) - loss)).toBeLessThan(1e-5);
    const h = 0.02;
    for (const name of [first, 'head.weight'].filter((key) => gradients.has(key)))
      for (const place of [0, 3]) {
        const slope = (lossAt(name, place, h) - lossAt(name, place, -h)) / (2 * h);
        expect(Math.abs(slope - gradients.get(name)!.data[place]!)).toBeLessThan(2e-3);
      }
  });

  it('of Reptile is the way back from the adapted points', async () => {
    const { gradients } = await gradientsOf(reptile(setting(3)), method, raw, episodes);
    const ways = tf.tidy(() => {
      const points = episodes.map(({ support }) =>
        adapt({ host, method, support, objective, inner, rows: rowsOfList, stream: createStream('any') }, raw, 3),
      );
      return Object.fromEntries(
        trainableNames(method.plan(host.spec)).map((name) => [
          name,
          raw.get(name)!.sub(points[0]!.get(name)!.add(points[1]!.get(name)!).div(2)),
        ]),
      );
    });
    const expected = await readParameters(new Map(Object.entries(ways)));
    tf.dispose(ways);
    expect(largestGap(gradients, expected)).toBeLessThan(1e-6);
  });

  it('leaves a head of its own out, and reaches the rest through it', async () => {
    const body = lora({ rank: 2 });
    const start = startOf(body);
    for (const rule of [fomaml(setting(2, { ownPart: ownHead })), multitask(setting(2, { ownPart: ownHead }))]) {
      const { gradients } = await gradientsOf(rule, body, start, episodes);
      expect([...gradients.keys()].every((name) => name.startsWith('lora.'))).toBe(true);
      expect(Math.max(...[...gradients.values()].flatMap(({ data }) => [...data].map(Math.abs)))).toBeGreaterThan(1e-5);
    }
    disposeParameters(start);
  });
});

describe('meta-training', () => {
  const config = (steps: number) =>
    parseTrainConfig({
      steps,
      batchSize: 2,
      learningRate: 0.01,
      warmupRatio: 0,
      schedule: 'constant',
      patience: null,
      checkpointEvery: 2,
    });
  const held = fixedEpisodes(toyTasks(4, { from: 100 }), draw, { perTask: 1, seed: 9 });
  const at = [0, 3];
  const run = (method: PeftMethod, rule: UpdateRule<Episodes<Targets>>, steps: number, more: object = {}) =>
    train({
      host,
      method,
      source: episodeSource(toyTasks(6), draw),
      objective: objectiveOfEpisodes(objective),
      rule,
      config: config(steps),
      seed: 13,
      ...more,
    });
  const curve = async (method: PeftMethod, values: Awaited<ReturnType<typeof train>>['raw'] | null) => {
    const raw = values ? toParameters(values) : toParameters(initialValues(method.plan(host.spec), createStream(13)));
    const points = await adaptationCurve<Targets>({
      ...{ host, method, raw, episodes: held, objective, inner, rows: rowsOfList, ownPart: ownHead, at },
      score: scoreOfLogits(accuracy),
      stream: createStream(4),
    });
    disposeParameters(raw);
    const mean = (steps: number, key: 'loss' | 'score') => {
      const values2 = points.filter((point) => point.steps === steps).map((point) => point[key]!);
      return values2.reduce((sum, value) => sum + value, 0) / values2.length;
    };
    return { before: mean(0, 'loss'), after: mean(3, 'loss'), score: mean(3, 'score') };
  };

  it('makes new tasks quicker to learn: FOMAML and Reptile over a method and a simplex', async () => {
    const plain = lora({ rank: 2 });
    const simplex = subspace(lora({ rank: 2, initialisation: 'random' }), { vertices: 2 });
    for (const method of [plain, simplex]) {
      const unprepared = await curve(method, null);
      expect(unprepared.before).toBeCloseTo(Math.log(2), 2);
      for (const rule of [fomaml, reptile]) {
        const tensors = tf.memory().numTensors;
        const { raw } = await run(method, rule(setting(3, { ownPart: ownHead })), 16, {
          ...(rule === reptile && { optimiser: sgd(), config: { ...config(16), learningRate: 1 } }),
        });
        const prepared = await curve(method, raw);
        expect(tf.memory().numTensors).toBe(tensors);
        expect(prepared.after).toBeLessThan(unprepared.after - (rule === fomaml ? 0.05 : 0.005));
      }
    }
  });

  it('goes on where it was interrupted, bit for bit, and knows its rule', async () => {
    const method = prefix({ prefixLength: 2, reparametrisation: 'none' });
    const rule = fomaml(setting(1, { ownPart: ownHead, inner: { ...inner, optimiser: adamW(), batchSize: 2 } }));
    const whole = await run(method, rule, 4);
    const store = createMemoryStore();
    const controller = new AbortController();
    const onEvent = ({ type, step }: { type: string; step?: number }) =>
      void (type === 'step' && step === 2 && controller.abort());
    await expect(run(method, rule, 4, { store, onEvent, signal: controller.signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    await expect(run(method, reptile(setting(1)), 4, { store })).rejects.toMatchObject({
      code: 'CHECKPOINT_OF_ANOTHER_RUN',
    });
    expect((await run(method, rule, 4, { store })).raw).toEqual(whole.raw);
  });

  it('chooses the best start by tasks that are held out', async () => {
    const evaluator = adaptationEvaluator({
      episodes: held,
      objective,
      inner,
      rows: rowsOfList,
      ownPart: ownHead,
      at,
      seed: 1,
    });
    const method = lora({ rank: 2 });
    const evaluateEvery = { epochs: 0, minSteps: 2 };
    const result = await train({
      ...{
        host,
        method,
        source: episodeSource(toyTasks(6), draw),
        objective: objectiveOfEpisodes(objective),
        seed: 13,
        evaluator,
      },
      rule: fomaml(setting(3, { ownPart: ownHead })),
      config: parseTrainConfig({ steps: 4, batchSize: 2, learningRate: 0.01, patience: null, evaluateEvery }),
    });
    expect(result.best!.metrics).toEqual({
      'loss after 0': expect.closeTo(Math.log(2), 1),
      'loss after 3': expect.any(Number),
    });
    expect(result.best!.headline).toBeCloseTo(-result.best!.metrics['loss after 3']!, 6);
  });

  it('starts from given values and refuses others', async () => {
    const method = lora({ rank: 2 });
    const { raw } = await run(method, fomaml(setting(1, { ownPart: ownHead })), 1);
    const config0 = parseTrainConfig({ steps: 1, batchSize: 2, learningRate: 1e-12, patience: null });
    const common = {
      host,
      method,
      source: episodeSource(toyTasks(6), draw),
      objective: objectiveOfEpisodes(objective),
      rule: fomaml(setting(1, { ownPart: ownHead })),
      config: config0,
      seed: 1,
    };
    const again = (await train({ ...common, initial: raw })).raw;
    expect(largestGap(new Map(again), new Map(raw))).toBeLessThan(1e-6);
    const [name, { data }] = [...raw][0]!;
    await expect(
      train({ ...common, initial: new Map([[name, { shape: [1, data.length], data: data as Float32Array }]]) }),
    ).rejects.toMatchObject({ code: 'INITIAL_VALUES_UNFIT' });
    await expect(
      train({ ...common, initial: new Map([['other', { shape: [1], data: new Float32Array(1) }]]) }),
    ).rejects.toMatchObject({ code: 'INITIAL_VALUES_UNFIT' });
  });
});

describe('adaptInSteps', () => {
  it.each(['a step', 'a listener'])('keeps nothing when %s throws', async (culprit) => {
    const method = compose(lora({ rank: 1, alpha: 2 }), head({ labels: ['a', 'b'] }));
    const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
    const { support } = episodeSource(toyTasks(1), { shots: 2, queries: 2 }).batch(1, 1, createStream(1)).targets[0]!;
    let passes = 0;
    const failing: typeof objective = {
      ...objective,
      loss(...args) {
        if (++passes === 2 && culprit === 'a step') throw new Error('no');
        return objective.loss(...args);
      },
    };
    const request = {
      ...{ host, method, support, objective: failing, inner: { ...inner, optimiser: adamW() } },
      ...{ rows: rowsOfList, stream: createStream(2) },
    };
    const onStep = () => {
      if (culprit === 'a listener') throw new Error('no');
    };
    const failed = async () => {
      passes = 0;
      await expect(adaptInSteps(request, raw, { steps: 3, onStep })).rejects.toThrow('no');
      return tf.memory().numTensors;
    };
    // What the host makes of its weights at their first use stays.
    expect(await failed()).toBe(await failed());
    disposeParameters(raw);
  });
});
