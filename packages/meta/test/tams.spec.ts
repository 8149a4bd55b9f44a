import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  compose,
  createStream,
  disposeParameters,
  head,
  type Host,
  initialValues,
  type NamedArrays,
  type Parameters,
  type PeftMethod,
  readParameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import { trainableNames } from '@tfjs-peft/peft-core/authoring';
import { controllerNames, taskBuffers, tams } from '@tfjs-peft/tams';
import { subspace } from '@tfjs-peft/subspace';
import { crossEntropy, prepareMethod, sgd, toBatch } from '@tfjs-peft/train';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import {
  adaptationCurve,
  type Episodes,
  episodeSource,
  fixedEpisodes,
  fomaml,
  type MetaLearning,
  objectiveOfEpisodes,
  reptile,
  rowsOfList,
} from '../src/index.js';
import { isKept } from '../src/kept-names.js';
import { toyTasks } from './toy-tasks.js';

useTestBackend();

type Targets = readonly number[];
const objective = crossEntropy();
const draw = { shots: 2, queries: 2 };
const inner = { optimiser: sgd(), learningRate: 0.1, clipNorm: null, batchSize: null };
const streams = { dropout: createStream('dropout'), draws: createStream('draws') };
const small = { width: 4, nodes: 1, controllerSize: 4 } as const;

let host: Host;
let method: PeftMethod;
let raw: Parameters;
let episodes: Episodes<Targets>;
const largest = (values: NamedArrays, wanted: (name: string) => boolean) =>
  Math.max(...[...values].flatMap(([name, { data }]) => (wanted(name) ? [...data].map(Math.abs) : [])));
const isController = (name: string) => name.includes('.controller.');

beforeAll(async () => {
  host = await createRandomHost();
  const whole = compose(tams(small), head({ labels: ['yes', 'no'], readout: 'mean' }));
  const source = episodeSource(toyTasks(2), draw);
  const stream = createStream(1);
  method = await prepareMethod(whole, {
    host,
    source,
    objective: objectiveOfEpisodes(objective),
    batchSize: 2,
    stream,
  });
  raw = toParameters(
    new Map(
      [...initialValues(method.plan(host.spec), stream)].map(([name, { shape, data }]) => [
        name,
        { shape, data: Float32Array.from(data, (value, i) => value + 0.1 * Math.sin(i + 1)) },
      ]),
    ),
  );
  episodes = fixedEpisodes(toyTasks(2), draw, { perTask: 1, seed: 5 });
});
afterAll(() => {
  disposeParameters(raw);
  host.dispose();
});

const setting = (more: Partial<MetaLearning<Targets>> = {}): MetaLearning<Targets> => ({
  objective,
  inner,
  steps: 2,
  rows: rowsOfList,
  keeps: controllerNames(method),
  taskBuffers: (on, inputs) => taskBuffers(method, on, inputs),
  ...more,
});
const gradients = async (rule: ReturnType<typeof fomaml<Targets>>): Promise<NamedArrays> => {
  const found = tf.tidy(() =>
    Object.fromEntries(
      rule.lossAndGradients({
        host,
        method,
        raw,
        texts: {
          texts: episodes.flatMap(({ support, query }) => [...support.texts, ...query.texts]),
          targets: episodes,
        },
        objective: objectiveOfEpisodes(objective),
        wrt: trainableNames(method.plan(host.spec)),
        streams,
      }).gradients,
    ),
  );
  try {
    return await readParameters(new Map(Object.entries(found)));
  } finally {
    tf.dispose(found);
  }
};

describe('the controller of an architecture', () => {
  it('learns from the loss of the query alone: the inner loop leaves it as it is', async () => {
    const ofQuery = await gradients(fomaml(setting()));
    // The first time may fill caches of the host.
    const tensors = tf.memory().numTensors;
    expect(largest(ofQuery, isController)).toBeGreaterThan(1e-6);
    // Reptile's gradient is the way of the inner loop.
    const way = await gradients(reptile(setting()));
    expect(largest(way, isController)).toBe(0);
    expect(largest(way, (name) => !isController(name))).toBeGreaterThan(1e-5);
    expect(largest(await gradients(reptile(setting({ keeps: [] }))), isController)).toBeGreaterThan(0);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('is left alone in every vertex of a simplex', () => {
    const simplex = subspace(compose(tams(small), head({ labels: ['yes', 'no'], readout: 'mean' })));
    const keeps = controllerNames(simplex);
    const names = simplex.plan(host.spec).raw.map(({ name }) => name);
    const kept = names.filter((name) => isKept(name, keeps));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept).toEqual(names.filter(isController));
  });

  it('sees the task that is learned, not the one that the start was prepared with', async () => {
    const seen: tf.Tensor[] = [];
    const tensors = tf.memory().numTensors;
    const looked = setting({
      taskBuffers(on, inputs) {
        const buffers = taskBuffers(method, on, inputs);
        seen.push(tf.keep(buffers.get('tams.taskEmbedding')!.clone()));
        return buffers;
      },
    });
    await adaptationCurve({ host, method, raw, episodes, ...looked, at: [0, 1], stream: createStream(1) });
    expect(seen).toHaveLength(2);
    const wanted = tf.tidy(() =>
      taskBuffers(method, host, toBatch(host, episodes[1]!.support).inputs).get('tams.taskEmbedding')!,
    );
    const gaps = seen.map((each) => tf.tidy(() => each.sub(wanted).abs().max()));
    expect((await gaps[1]!.data())[0]).toBe(0);
    expect((await gaps[0]!.data())[0]).toBeGreaterThan(1e-3);
    tf.dispose([...seen, ...gaps, wanted]);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('judgements that do not come one after the other are refused', async () => {
    for (const at of [[1, 0], [1, 1], [-1], [0.5]])
      await expect(
        adaptationCurve({ host, method, raw, episodes, ...setting(), at, stream: createStream(1) }),
      ).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  it('texts that are learned from and judged by are refused; repeated ones are drawn once', async () => {
    const [{ support, ...episode }] = [episodes[0]!];
    await expect(
      adaptationCurve({
        ...{ host, method, raw, ...setting(), at: [0], stream: createStream(1) },
        episodes: [{ ...episode, support, query: support }],
      }),
    ).rejects.toMatchObject({ code: 'EPISODE_OVERLAPS' });
    const [task] = toyTasks(1, { perClass: 3 });
    const twice = { ...task!, examples: [...task!.examples, ...task!.examples] };
    expect(() => fixedEpisodes([twice], draw, { perTask: 1, seed: 1 })).toThrow(
      expect.objectContaining({ code: 'TASK_TOO_SMALL' }),
    );
  });
});
