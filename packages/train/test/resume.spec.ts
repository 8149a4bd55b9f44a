import { afterAll, describe, expect, it } from '@jest/globals';
import { head, type NamedArray, type PeftMethod, bytesSource, openSafetensors } from '@tfjs-peft/peft-core';
import { writeSafetensors } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import { codeOf, comparable, type ToyRequest, toyRequest, toyTask, withHead } from './toy-request.js';
import { createToyHost, toyExamples, toyShift } from './toy-host.js';
import { crossEntropy } from '../src/objectives/cross-entropy.js';
import { sgd } from '../src/optimisers/sgd.js';
import { checkpointName } from '../src/run/checkpoint.js';
import { type CheckpointStore, createMemoryStore } from '../src/run/checkpoint-store.js';
import { train } from '../src/run/train.js';
import type { TrainEvent } from '../src/run/train-events.js';
import type { TrainConfigInput } from '../src/run/train-config.js';

const host = createToyHost();
afterAll(() => host.dispose());

/** A process that is killed in the middle: the run ends at an event, and nothing after it is stored. */
async function killAt(request: ToyRequest, isTheMoment: (event: TrainEvent) => boolean): Promise<void> {
  const onEvent = (event: TrainEvent) => {
    if (isTheMoment(event)) throw new Error('killed');
  };
  await expect(train({ ...request, onEvent })).rejects.toThrow('killed');
}

const configs: readonly (readonly [string, TrainConfigInput])[] = [
  ['a checkpoint at every evaluation', {}],
  ['a checkpoint each 4 steps, between evaluations', { checkpointEvery: 4 }],
  ['early stopping', { patience: 2, learningRate: 0.5 }],
  [
    'several rules of selection',
    { patience: 2, learningRate: 0.5, selections: { midpoint: { mode: 'midpoint' }, 'two-draws': { draws: 2 } } },
  ],
  ['momentum', { optimiser: 'sgd', momentum: 0.9, learningRate: 0.1 }],
  ['averages', { averageDecay: 0.9, learningRate: 0.1 }],
];

describe.each(configs)('a run with %s', (_name, config) => {
  it.each([1, 5, 7, 13, 22])('goes on to the bit after it was killed in step %d', async (step) => {
    const whole = await train(toyRequest(host, config));
    const request = toyRequest(host, config, { store: createMemoryStore() });
    if (step > whole.steps) return expect(config.patience).toBe(2);
    await killAt(request, (event) => event.type === 'step' && event.step === step);
    const starts: TrainEvent[] = [];
    const resumed = await train({ ...request, onEvent: (event) => event.type === 'start' && starts.push(event) });
    expect(comparable(resumed.history)).toEqual(comparable(whole.history));
    expect([...resumed.effective]).toEqual([...whole.effective]);
    expect([...resumed.raw]).toEqual([...whole.raw]);
    expect([...resumed.selections]).toEqual([...whole.selections]);
    expect(resumed).toMatchObject({ bestStep: whole.bestStep, steps: whole.steps, stoppedEarly: whole.stoppedEarly });
    const last = Math.floor((step - 1) / (config.checkpointEvery ?? 5)) * (config.checkpointEvery ?? 5);
    const [start] = starts;
    expect(start).toMatchObject({ resumedFrom: last || null });
    // A caller rewrites metrics.jsonl with these rows: none of them comes again.
    expect(start?.type === 'start' && start.history.every((row) => row.step <= last)).toBe(true);
  });
});

it('goes on with the same rules, in whatever order they are named', async () => {
  const midpoint = { mode: 'midpoint' } as const;
  const dropout = { mode: 'dropout', draws: 2 } as const;
  const configWith = (selections: TrainConfigInput['selections']) => ({ patience: null, selections });
  const whole = await train(toyRequest(host, configWith({ midpoint, dropout })));
  const store = createMemoryStore();
  await killAt(
    toyRequest(host, configWith({ midpoint, dropout }), { store }),
    (event) => event.type === 'step' && event.step === 7,
  );
  const resumed = await train(toyRequest(host, configWith({ dropout, midpoint }), { store }));
  expect([...resumed.selections]).toEqual([...whole.selections]);
  expect(comparable(resumed.history)).toEqual(comparable(whole.history));
});

describe('a run that is interrupted', () => {
  it.each(['step', 'evaluation', 'score'] as const)(
    'in a %s stores what it has and goes on from there',
    async (moment) => {
      const whole = await train(toyRequest(host));
      const before = tf.memory().numTensors;
      const controller = new AbortController();
      const request = toyRequest(host, {}, { store: createMemoryStore() });
      const onEvent = (event: TrainEvent) => {
        if (moment === 'score' ? event.type === 'step' && event.step === 10 : event.type === moment && event.step >= 10)
          controller.abort();
      };
      await expect(train({ ...request, onEvent, signal: controller.signal })).rejects.toMatchObject({
        code: 'INTERRUPTED',
        message: expect.stringMatching(/after step 1\d of 22.*same run again.*checkpoint\.safetensors/),
      });
      expect(tf.memory().numTensors).toBe(before);
      const resumed = await train(request);
      expect(comparable(resumed.history)).toEqual(comparable(whole.history));
      expect([...resumed.raw]).toEqual([...whole.raw]);
    },
  );

  it('stops in the middle of an evaluation and does it again', async () => {
    const whole = await train(toyRequest(host));
    const controller = new AbortController();
    let passes = 0;
    const slow = {
      ...host,
      forward: (...args: Parameters<typeof host.forward>) => {
        if (args[2].mode === 'sample' && ++passes === 4) controller.abort();
        return host.forward(...args);
      },
    };
    const request = toyRequest(host, {}, { store: createMemoryStore() });
    expect(await codeOf(train({ ...request, host: slow, signal: controller.signal }))).toBe('INTERRUPTED');
    expect(passes).toBe(4);
    expect(comparable((await train(request)).history)).toEqual(comparable(whole.history));
  });

  it('says that nothing was kept without a store', async () => {
    const signal = AbortSignal.abort();
    await expect(train(toyRequest(host, {}, { signal }))).rejects.toThrow(
      /nothing was kept; give the run a checkpoint store/,
    );
  });

  it('starts a finished run no second time', async () => {
    const request = toyRequest(host, {}, { store: createMemoryStore() });
    const first = await train(request);
    const events: string[] = [];
    const again = await train({ ...request, onEvent: ({ type }) => events.push(type) });
    expect(events).toEqual(['start', 'end']);
    expect(again.history).toEqual(first.history);
    expect([...again.effective]).toEqual([...first.effective]);
  });

  it('keeps metrics that are not defined', async () => {
    const score = () => ({ headline: Number.NaN, metrics: { correlation: Number.NaN, zero: -0 } });
    const request = toyRequest(host, {}, { ...toyTask({ score }), store: createMemoryStore() });
    const whole = await train(toyRequest(host, {}, toyTask({ score })));
    await killAt(request, (event) => event.type === 'step' && event.step === 12);
    expect(comparable((await train(request)).history)).toEqual(comparable(whole.history));
  });
});

describe('a method that prepares itself', () => {
  const preparing = (count: { calls: number }, more: Partial<PeftMethod<object>> = {}): PeftMethod => ({
    ...toyShift(),
    prepare: async () => {
      count.calls++;
      return toyShift({ noise: 0.1 });
    },
    withConfig: (config) => toyShift(config),
    ...more,
  });

  it('is not prepared again when the run goes on, and has the configuration that it chose', async () => {
    const count = { calls: 0 };
    const whole = await train(toyRequest(host, {}, { method: withHead(preparing(count)) }));
    const request = toyRequest(host, {}, { method: withHead(preparing(count)), store: createMemoryStore() });
    await killAt(request, (event) => event.type === 'step' && event.step === 7);
    expect(count.calls).toBe(2);
    const resumed = await train(request);
    expect(count.calls).toBe(2);
    expect(resumed.method.parts![0]!.config).toMatchObject({ noise: 0.1 });
    expect([...resumed.raw]).toEqual([...whole.raw]);
    expect(comparable(resumed.history)).toEqual(comparable(whole.history));
  });

  it('is refused with a cure if it cannot take its configuration on', async () => {
    const method = withHead(preparing({ calls: 0 }, { withConfig: undefined }));
    const request = toyRequest(host, { steps: 5 }, { method, store: createMemoryStore() });
    await train(request);
    await expect(train(request)).rejects.toMatchObject({
      code: 'CHECKPOINT_OF_ANOTHER_RUN',
      message: expect.stringContaining('withConfig'),
    });
  });
});

describe('a run with buffers', () => {
  const indices = Int32Array.of(3, 2 ** 24 + 1, 2 ** 31 - 1);
  const base = toyShift();
  const buffered: PeftMethod = {
    ...base,
    plan: (spec) => ({
      ...base.plan(spec),
      buffers: [
        { name: 'shift.indices', shape: [3], dtype: 'int32', initial: { kind: 'given', values: indices } },
        {
          name: 'shift.drawn',
          shape: [2],
          dtype: 'float32',
          initial: { kind: 'normal', standardDeviation: 1 },
          seed: 5,
        },
      ],
    }),
    reparametrise: (raw, spec) =>
      new Map([...base.reparametrise!(raw, spec), ...[...raw].filter(([name]) => /indices|drawn/.test(name))]),
  };

  it('keeps them to the bit, before and after it goes on', async () => {
    const before = tf.memory().numTensors;
    const method = withHead(buffered);
    const whole = await train(toyRequest(host, {}, { method }));
    const request = toyRequest(host, {}, { method, store: createMemoryStore() });
    await killAt(request, (event) => event.type === 'step' && event.step === 12);
    const resumed = await train(request);
    for (const { raw, effective } of [whole, resumed])
      for (const arrays of [raw, effective]) expect([...arrays.get('shift.indices')!.data]).toEqual([...indices]);
    expect([...resumed.raw]).toEqual([...whole.raw]);
    expect(resumed.raw.get('shift.drawn')!.data).toBeInstanceOf(Float32Array);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a checkpoint', () => {
  const stored = async () => {
    const store = createMemoryStore();
    await train(toyRequest(host, { steps: 5 }, { store }));
    return store;
  };

  it.each<[string, TrainConfigInput, Partial<ToyRequest>, string]>([
    ['seed', {}, { seed: 43 }, 'seed is 42 there and 43 here'],
    ['configuration', { learningRate: 0.03 }, {}, 'config.learningRate is 0.02 there and 0.03 here'],
    [
      'method',
      {},
      { method: withHead(toyShift({ noise: 0.3 })) },
      'method.parts.0.config.noise is 0.2 there and 0.3 here',
    ],
    [
      'kind of method',
      {},
      { method: head({ labels: ['low', 'high'] }) },
      'method.type is "COMPOSE" there and "HEAD" here',
    ],
    ['training set', {}, toyTask({ train: toyExamples(18, 'others') }), 'train.digest is'],
    ['host', {}, { host: createToyHost({ name: 'another' }) }, 'host is "fingerprint of toy" there'],
    [
      'objective',
      {},
      toyTask({ objective: crossEntropy({ labelSmoothing: 0.1 }) }),
      'objective is "cross_entropy" there and "cross_entropy(labelSmoothing=0.1)" here',
    ],
    ['optimiser', {}, { optimiser: sgd({ momentum: 0.5 }) }, 'here'],
  ])('of another %s is refused, saying what differs', async (_name, config, rest, text) => {
    const store = await stored();
    await expect(train(toyRequest(host, { steps: 5, ...config }, { store, ...rest }))).rejects.toMatchObject({
      code: 'CHECKPOINT_OF_ANOTHER_RUN',
      message: expect.stringContaining(text),
    });
  });

  it.each<[string, (bytes: Uint8Array) => Promise<Uint8Array> | Uint8Array]>([
    ['cut short', (bytes) => bytes.slice(0, bytes.length - 40)],
    ['empty', () => new Uint8Array(0)],
    ['no checkpoint', () => writeSafetensors(new Map(), {})],
    ['no JSON', () => writeSafetensors(new Map(), { metadata: { state: '{' } })],
    ['of another version', (bytes) => rewrite(bytes, { state: replacing('"version":2', '"version":3') })],
    ['without a tensor', (bytes) => rewrite(bytes, { dropped: 'optimiser.secondMoments:shift.base' })],
    ['of another step', (bytes) => rewrite(bytes, { state: replacing('"step":5,', '"step":4,') })],
    ['without its checksum', (bytes) => rewrite(bytes, { checksum: undefined })],
    ['changed in one bit', (bytes) => rewrite(bytes, { edit: flipBit })],
  ])('that is %s is refused with the cure', async (_name, damage) => {
    const store = await stored();
    await store.write(checkpointName, await damage((await store.read(checkpointName))!));
    const before = tf.memory().numTensors;
    await expect(train(toyRequest(host, { steps: 5 }, { store }))).rejects.toMatchObject({
      code: 'CHECKPOINT_UNREADABLE',
      message: expect.stringContaining('remove checkpoint.safetensors'),
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('that cannot be written ends the run with the cure', async () => {
    const full: CheckpointStore = {
      ...createMemoryStore(),
      write: async () => {
        throw new Error('no space left');
      },
    };
    await expect(train(toyRequest(host, {}, { store: full }))).rejects.toMatchObject({
      code: 'CHECKPOINT_NOT_WRITTEN',
      message: expect.stringContaining('no space left'),
    });
  });
});

/** Replaces a text that must be there. */
const replacing = (from: string, to: string) => (state: string) => {
  expect(state).toContain(from);
  return state.replace(from, to);
};

/** Changes the last bit of one number. */
function flipBit(tensors: Map<string, NamedArray>): void {
  const { data } = tensors.get('raw:shift.base')!;
  new Int32Array(data.buffer, data.byteOffset, data.length)[3]! ^= 1;
}

interface Changes {
  readonly state?: (state: string) => string;
  readonly dropped?: string;
  readonly checksum?: undefined;
  readonly edit?: (tensors: Map<string, NamedArray>) => void;
}

/** The same checkpoint with another state, other numbers, or without one of its tensors. */
async function rewrite(bytes: Uint8Array, changes: Changes): Promise<Uint8Array> {
  const file = await openSafetensors(bytesSource('checkpoint', bytes));
  const tensors = new Map<string, NamedArray>();
  for (const [name, { shape }] of file.tensors) tensors.set(name, { shape, data: await file.readNumbers(name) });
  if (changes.dropped) expect(tensors.delete(changes.dropped)).toBe(true);
  changes.edit?.(tensors);
  const state = file.metadata.get('state')!;
  const metadata = new Map(file.metadata).set('state', changes.state?.(state) ?? state);
  if ('checksum' in changes) metadata.delete('sha256');
  return writeSafetensors(tensors, { metadata: Object.fromEntries(metadata) });
}
