import { type Context, createStream, type Host, substream } from '@tfjs-peft/peft-core';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { expectGradient } from '../../test/expect-gradient.js';
import { someInputs } from '../../test/test-hosts.js';
import { createRandomHost } from './create-random-host.js';

useTestBackend();

const batch = 2;
const linear = 'encoder.layer.0.intermediate.dense'; // [8, 12]
const query = 'encoder.layer.0.attention.self.query'; // [8, 8]
const norm = 'encoder.layer.0.attention.output.LayerNorm';
const words = 'embeddings.word_embeddings'; // [20, 8]
const attention = 'encoder.layer.0.attention.self'; // 2 heads of 4

let host: Host;
beforeAll(async () => {
  // Dropout too: with a fixed stream a training pass is a plain function.
  host = await createRandomHost(
    {
      hiddenSize: 8,
      numAttentionHeads: 2,
      intermediateSize: 12,
      vocabSize: 20,
      maxPositionEmbeddings: 16,
      dropout: 0.1,
    },
    3,
  );
});
afterAll(() => host.dispose());

interface Case {
  /** Shapes of the differentiated tensors. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly build: (tensors: Record<string, tf.Tensor>) => Intervention[];
  readonly readout?: 'cls' | 'mean';
}
const one = (shape: readonly number[], build: (x: tf.Tensor) => Intervention, readout?: 'cls' | 'mean'): Case => ({
  shapes: { x: shape },
  build: ({ x }) => [build(x!)],
  readout,
});

const cases: Record<string, Case> = {
  lowRankDelta: {
    shapes: { down: [8, 2], up: [2, 12] },
    build: ({ down, up }) => [{ kind: 'lowRankDelta', path: linear, down: down!, up: up!, scale: 2 }],
  },
  dynamicLowRankDelta: {
    shapes: { down: [8, 2], core: [8, 4], up: [2, 12] },
    build: ({ down, core, up }) => [{ kind: 'dynamicLowRankDelta', path: linear, down: down!, core: core!, up: up! }],
  },
  'lowRankDelta, one an example': {
    shapes: { down: [batch, 8, 2], up: [batch, 2, 8] },
    build: ({ down, up }) => [{ kind: 'lowRankDelta', path: query, down: down!, up: up!, scale: 2 }],
  },
  'lowRankDelta of word embeddings': {
    shapes: { down: [20, 2], up: [2, 8] },
    build: ({ down, up }) => [{ kind: 'lowRankDelta', path: words, down: down!, up: up!, scale: 1 }],
  },
  weightDelta: one([8, 12], (delta) => ({ kind: 'weightDelta', path: linear, delta })),
  'weightDelta of a norm': one([8], (delta) => ({ kind: 'weightDelta', path: norm, delta })),
  'weightDelta of word embeddings': one([20, 8], (delta) => ({ kind: 'weightDelta', path: words, delta })),
  biasDelta: one([12], (delta) => ({ kind: 'biasDelta', path: linear, delta })),
  'biasDelta of a norm, one an example': one([batch, 8], (delta) => ({ kind: 'biasDelta', path: norm, delta })),
  'biasDelta at the output of the feed-forward network': one([8], (delta) => ({
    kind: 'biasDelta',
    path: 'encoder.layer.0.output.dense',
    delta,
  })),
  'weightScale by columns': one([12], (scale) => ({ kind: 'weightScale', path: linear, scale })),
  'weightScale by rows': one([8, 1], (scale) => ({ kind: 'weightScale', path: query, scale })),
  'weightScale by entries': one([8, 12], (scale) => ({ kind: 'weightScale', path: linear, scale })),
  inputGate: one([8], (gate) => ({ kind: 'inputGate', path: query, gate })),
  'outputGate, one an example': one([batch, 12], (gate) => ({ kind: 'outputGate', path: linear, gate })),
  keyValuePrefix: {
    shapes: { keys: [2, 3, 4], values: [2, 3, 4] },
    build: ({ keys, values }) => [
      { kind: 'keyValuePrefix', path: attention, keys: keys!, values: values!, positions: 'none' },
    ],
  },
  'keyValuePrefix, one an example, shifted': {
    shapes: { keys: [batch, 2, 3, 4], values: [batch, 2, 3, 4] },
    build: ({ keys, values }) => [
      { kind: 'keyValuePrefix', path: attention, keys: keys!, values: values!, positions: 'shift' },
    ],
    readout: 'mean',
  },
  tokenPrefix: one([2, 8], (embeddings) => ({ kind: 'tokenPrefix', embeddings })),
  'tokenPrefix, one an example': one([batch, 2, 8], (embeddings) => ({ kind: 'tokenPrefix', embeddings }), 'mean'),
  activationDelta: one([12], (x) => ({ kind: 'activationDelta', path: linear, apply: (y) => y.sum(-1, true).mul(x) })),
  'sublayerAdapter, sequential': one([8], (x) => ({
    kind: 'sublayerAdapter',
    path: 'encoder.layer.0.output',
    placement: 'sequential',
    apply: (y) => y.mul(x),
  })),
  'sublayerAdapter, parallel': one([8], (x) => ({
    kind: 'sublayerAdapter',
    path: 'encoder.layer.0.attention.output',
    placement: 'parallel',
    apply: (y) => y.mul(x),
  })),
};

const context = (): Context => ({
  mode: 'train',
  host: host.spec,
  batchSize: batch,
  streams: { dropout: substream(createStream(9), 'dropout'), draws: createStream(0) },
});

/** A smooth function of the logits that weighs each one differently. */
function loss(interventions: Intervention[], readout: 'cls' | 'mean' | 'pooler', weight: tf.Tensor): tf.Scalar {
  const head: Intervention = { kind: 'readout', readout, weight, bias: tf.tensor1d([0.1, -0.2, 0.3]), dropout: 0.1 };
  const { logits } = host.forward(someInputs(batch, 5, 20), [...interventions, head], context());
  return logits!
    .sin()
    .mul(tf.tensor1d([1, -2, 3]))
    .mean();
}

const headWeight = () => tf.randomNormal([3, 8], 0, 0.7, 'float32', 77);

describe('gradients agree with central finite differences', () => {
  it.each(Object.keys(cases))('%s', async (name) => {
    const { shapes, build, readout = 'pooler' } = cases[name]!;
    const names = Object.keys(shapes);
    const weight = headWeight();
    await expectGradient(Object.values(shapes), (...tensors) =>
      loss(build(Object.fromEntries(names.map((key, i) => [key, tensors[i]!]))), readout, weight),
    );
  });

  it('the readout, shared and one an example', async () => {
    const inputs = someInputs(batch, 5, 20);
    for (const lead of [[], [batch]]) {
      await expectGradient(
        [
          [...lead, 3, 8],
          [...lead, 3],
        ],
        (weight, bias) =>
          host
            .forward(
              inputs,
              [{ kind: 'readout', readout: 'pooler', weight: weight!, bias: bias!, dropout: 0.1 }],
              context(),
            )
            .logits!.sin()
            .mul(tf.tensor1d([1, -2, 3]))
            .mean(),
      );
    }
  });

  it('all at once', async () => {
    const names = Object.keys(cases).filter((name) => !name.includes('shifted'));
    const weight = headWeight();
    const shapes = names.flatMap((name) => Object.values(cases[name]!.shapes));
    await expectGradient(shapes, (...tensors) => {
      const left = [...tensors];
      const interventions = names.flatMap((name) =>
        cases[name]!.build(Object.fromEntries(Object.keys(cases[name]!.shapes).map((key) => [key, left.shift()!]))),
      );
      return loss(interventions, 'pooler', weight);
    });
  });
});

describe('a training step', () => {
  it('leaves no tensors behind and gives the same gradient twice', async () => {
    const keys = tf.variable(tf.randomNormal([2, 3, 4], 0, 1, 'float32', 1));
    const build = cases['keyValuePrefix']!.build;
    const weight = headWeight();
    const step = () => {
      const { value, grads } = tf.tidy(() =>
        tf.variableGrads(() => loss(build({ keys, values: keys }), 'cls', weight), [keys]),
      );
      value.dispose();
      return grads[keys.name]!;
    };
    const first = step();
    const before = tf.memory().numTensors;
    const second = step();
    expect(tf.memory().numTensors).toBe(before + 1);
    expect(await second.data()).toEqual(await first.data());
    for (let i = 0; i < 3; i++) step().dispose();
    expect(tf.memory().numTensors).toBe(before + 1);
    keys.dispose();
  });
});

it('no gradient flows below the lowest place that is acted on', () => {
  const passed: string[] = [];
  /** Changes nothing; tells when a gradient comes through. */
  const watch = (path: string): Intervention => ({
    kind: 'hiddenDelta',
    path,
    perToken: true,
    apply: (x) =>
      tf.customGrad((input) => ({
        value: tf.zerosLike(input as tf.Tensor),
        gradFunc: (dy: tf.Tensor) => (passed.push(path), tf.zerosLike(dy)),
      }))(x),
  });
  const gradientsFrom = (path: string) => {
    passed.length = 0;
    const lowest = (delta: tf.Tensor): Intervention => ({ kind: 'biasDelta', path, delta });
    tf.tidy(() =>
      tf.grad((delta: tf.Tensor) =>
        loss([lowest(delta), watch('encoder.layer.0'), watch('encoder.layer.1')], 'cls', headWeight()),
      )(tf.zeros([8])),
    );
    return [...passed];
  };
  expect(gradientsFrom('encoder.layer.1.output.dense')).toEqual(['encoder.layer.1']);
  expect(gradientsFrom('encoder.layer.0.output.dense')).toEqual(['encoder.layer.1', 'encoder.layer.0']);
});
