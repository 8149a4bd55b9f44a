import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Adapter, evaluationContext, type Host, mergeAdapter, padBatch } from '@tfjs-peft/peft-core';
import {
  type Intervention,
  interventionKinds,
  interventionRules,
  type Interventions,
  scatterFlat,
} from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { expectGradient } from '../../test/expect-gradient.js';
import { maxDifference, someInputs } from '../../test/test-hosts.js';
import { createRandomHost } from './create-random-host.js';
import { indexInterventions } from '../model/index-interventions.js';
import { indexSites } from '../model/site-index.js';

useTestBackend();

const batch = 3;
const linear = 'encoder.layer.1.intermediate.dense'; // [32, 64]
const norm = 'encoder.layer.0.output.LayerNorm';
const words = 'embeddings.word_embeddings'; // [100, 32]

let host: Host;
beforeAll(async () => {
  host = await createRandomHost();
});
afterAll(() => host.dispose());

let seed = 0;
const random = (...shape: number[]) => tf.randomNormal(shape, 0, 0.3, 'float32', ++seed);
const states = (interventions: Interventions, on = host, inputs = someInputs(batch)) =>
  on.forward(inputs, interventions, evaluationContext(on.spec, inputs.inputIds.shape[0])).lastHiddenState;
const largest = async (tensor: tf.Tensor) => (await tensor.abs().max().data())[0]!;

/** An adapter that does just this. */
const acting = (...items: Interventions): Adapter => ({
  method: {
    type: 'FIXED',
    config: {},
    namespaces: ['fixed'],
    plan: () => ({ raw: [], effective: [] }),
    intervene: () => items,
  },
  effective: new Map(),
  hostFingerprint: host.spec.fingerprint,
});
const sparseAt = (path: string, size: number): Intervention => ({
  kind: 'sparseWeightDelta',
  path,
  // One of them stands twice.
  indices: tf.tensor1d([0, 5, 5, size - 1, ...Array.from({ length: 20 }, (_, i) => (7 * i + 11) % size)], 'int32'),
  values: random(24),
});
const tableRows = () => sparseAt(words, 3200);

/** Every form in which a kind merges. */
const merging: readonly (readonly [string, () => Intervention])[] = [
  ['lowRankDelta', () => ({ kind: 'lowRankDelta', path: linear, down: random(32, 4), up: random(4, 64), scale: 2 })],
  [
    'lowRankDelta with a middle',
    () => ({ kind: 'lowRankDelta', path: linear, down: random(32, 4), middle: random(4), up: random(4, 64), scale: 5 }),
  ],
  [
    'lowRankDelta with a middle at a table',
    () => ({ kind: 'lowRankDelta', path: words, down: random(100, 4), middle: random(4), up: random(4, 32), scale: 5 }),
  ],
  ['weightDelta', () => ({ kind: 'weightDelta', path: linear, delta: random(32, 64) })],
  ['sparseWeightDelta', () => sparseAt(`${linear}.weight`, 32 * 64)],
  ['sparseWeightDelta at a table', tableRows],
  ['sparseWeightDelta at a norm', () => sparseAt(norm, 32)],
  [
    'weightFunction',
    () => {
      const [rotation, shift] = [random(32, 32), random(64)];
      return {
        kind: 'weightFunction',
        path: linear,
        weight: (frozen) => tf.matMul(rotation, frozen),
        bias: (frozen) => frozen.mul(shift),
      };
    },
  ],
  ['biasDelta', () => ({ kind: 'biasDelta', path: linear, delta: random(64) })],
  ['weightScale', () => ({ kind: 'weightScale', path: linear, scale: random(32, 64).add(1) })],
  ['weightMagnitude', () => ({ kind: 'weightMagnitude', path: linear, delta: random(64) })],
  ['inputGate', () => ({ kind: 'inputGate', path: linear, gate: random(32).add(1) })],
  ['outputGate', () => ({ kind: 'outputGate', path: linear, gate: random(64).add(1) })],
  [
    'activationDelta with a matrix',
    () => {
      const matrix = random(32, 64);
      const apply = (x: tf.Tensor) => tf.matMul(x.reshape([-1, 32]), matrix).reshape([...x.shape.slice(0, -1), 64]);
      return { kind: 'activationDelta', path: linear, apply, perToken: true, matrix: () => matrix };
    },
  ],
];

describe('every kind that merges', () => {
  it('is tried here', () => {
    const tried = new Set(merging.map(([name]) => name.split(' ')[0]));
    expect(interventionKinds.filter((kind) => interventionRules[kind].merge && !tried.has(kind))).toEqual([]);
  });

  it.each([...merging])('%s: the merged host computes what the pass does', async (_name, make) => {
    const item = make();
    const expected = states([item]);
    expect(await maxDifference(expected, states([]))).toBeGreaterThan(1e-3);
    const merged = await mergeAdapter(host, acting(item));
    expect(merged.rest).toBeNull();
    expect(await maxDifference(states([], merged.host), expected)).toBeLessThan(2e-5);
    merged.host.dispose();
  });

  it('merges together, the middle and sparse ones under scales and magnitudes', async () => {
    const items = [
      ...merging.map(([, make]) => make()).filter(({ kind }) => kind !== 'weightMagnitude'),
      { kind: 'weightMagnitude', path: linear, delta: random(64) } as const,
    ];
    const merged = await mergeAdapter(host, acting(...items.filter(({ kind }) => kind !== 'activationDelta')));
    const expected = states(items.filter(({ kind }) => kind !== 'activationDelta'));
    expect(await maxDifference(states([], merged.host), expected)).toBeLessThan(5e-5);
    merged.host.dispose();
  });

  it('refuses a function without a matrix', async () => {
    const blind: Intervention = { kind: 'activationDelta', path: linear, apply: () => random(1, 1, 64) };
    await expect(mergeAdapter(host, acting(blind))).rejects.toMatchObject({ code: 'NOT_MERGEABLE' });
  });
});

describe('sparseWeightDelta', () => {
  const shares = () => tf.tensor1d([0.25, 1, -0.5]);
  const places: [string, number[]][] = [
    [linear, [32, 64]],
    [words, [100, 32]],
    [norm, [32]],
  ];

  it.each(places)('at %s is the dense delta, in a pass and in its gradients, with shares too', async (path, shape) => {
    const size = shape.reduce((a, b) => a * b);
    const indices = tf.tensor1d([1, 1, size - 2, ...Array.from({ length: 9 }, (_, i) => (13 * i + 3) % size)], 'int32');
    const weights = random(batch, someInputs(batch).inputIds.shape[1], 32);
    for (const own of [undefined, shares()]) {
      // Indices that are made in the pass are gone before the backward pass.
      const sparse = (values: tf.Tensor) =>
        states([
          {
            kind: 'sparseWeightDelta',
            path,
            indices: indices.add(tf.scalar(0, 'int32')),
            values,
            ...(own && { shares: own }),
          },
        ]);
      const dense = (values: tf.Tensor) =>
        states([
          { kind: 'weightDelta', path, delta: scatterFlat(indices, values, shape), ...(own && { shares: own }) },
        ]);
      const values = random(12);
      expect(await maxDifference(sparse(values), states([]))).toBeGreaterThan(1e-4);
      expect(await maxDifference(sparse(values), dense(values))).toBeLessThan(1e-5);
      const slope = tf.grad((x: tf.Tensor) => sparse(x).mul(weights).sum())(values);
      // scatterND has no gradient: the slope of a dense delta, taken at its places.
      const ofWeight = tf.grad((delta: tf.Tensor) =>
        states([{ kind: 'weightDelta', path, delta, ...(own && { shares: own }) }])
          .mul(weights)
          .sum(),
      )(scatterFlat(indices, values, shape));
      const expected = tf.gather(ofWeight.reshape([size]), indices);
      expect(await largest(expected)).toBeGreaterThan(1e-3);
      expect(await maxDifference(slope, expected)).toBeLessThan(1e-4 * Math.max(1, await largest(expected)));
    }
  });

  it('passes gradients on to what comes before it', async () => {
    const indices = tf.tensor1d([3, 70, 900], 'int32');
    const [values, weights] = [random(3).mul(5), random(1, 5, 32)];
    const inputs = someInputs(1);
    await expectGradient([[32]], (shift) =>
      states(
        [
          { kind: 'biasDelta', path: 'encoder.layer.0.output.LayerNorm', delta: shift },
          { kind: 'sparseWeightDelta', path: 'encoder.layer.1.attention.output.dense', indices, values },
        ],
        host,
        inputs,
      )
        .slice([0, 0, 0], [1, Math.min(5, inputs.inputIds.shape[1]), 32])
        .mul(weights.slice([0, 0, 0], [1, Math.min(5, inputs.inputIds.shape[1]), 32]))
        .sum<tf.Scalar>()
        .mul(0.3),
    );
  });
});

describe('tap', () => {
  const text = (length: number) => {
    const inputIds = Array.from({ length }, (_, i) => 5 + ((7 * i + length) % 90));
    return { inputIds, tokenTypeIds: inputIds.map(() => 0) };
  };

  it.each([
    ['with padding', false],
    ['with padding left out', true],
  ])('sees input and output of a place, and changes nothing, %s', async (_name, packed) => {
    const { textPositions, ...padded } = padBatch([text(20), text(3), text(4)], 0);
    expect(textPositions).toBeDefined();
    const inputs = packed ? { ...padded, textPositions: textPositions! } : padded;
    const seen = new Map<string, tf.Tensor>();
    const tap = (path: string, at: 'input' | 'output'): Intervention => ({
      kind: 'tap',
      path,
      at,
      observe(shown, mask) {
        expect(mask.shape).toEqual(padded.inputIds.shape);
        seen.set(`${path} ${at}`, tf.keep(shown.clone()));
      },
    });
    const layer = 'encoder.layer.1';
    const taps = [tap(linear, 'input'), tap(linear, 'output'), tap(layer, 'output')];
    const bare = states([], host, inputs);
    expect(await maxDifference(states(taps, host, inputs), bare)).toBeLessThan(1e-6);
    expect([...seen.keys()].sort()).toEqual([`${layer} output`, `${linear} input`, `${linear} output`].sort());
    const mask = padded.attentionMask.toFloat().expandDims(2);
    const [input, output] = [seen.get(`${linear} input`)!, seen.get(`${linear} output`)!];
    expect(input.shape).toEqual([3, padded.inputIds.shape[1], 32]);
    const expected = tf
      .matMul(input.reshape([-1, 32]), host.weight(`${linear}.weight`))
      .add(host.weight(`${linear}.bias`))
      .reshape(output.shape);
    expect(await maxDifference(expected.mul(mask), output.mul(mask))).toBeLessThan(1e-5);
    expect(await maxDifference(seen.get(`${layer} output`)!.mul(mask), bare.mul(mask))).toBeLessThan(1e-6);
    tf.dispose([...seen.values()]);
  });
});

describe('slopeTap', () => {
  const query = 'encoder.layer.1.attention.self.query';
  it.each([
    ['an affine map', linear, 'weight'],
    ['a map that is computed beside others', query, 'weight'],
    ['a norm', norm, 'weight'],
    ['an affine map', linear, 'bias'],
    ['a norm', norm, 'bias'],
  ] as const)('of %s (%s) shows what the gradient of its %s is made of, and changes nothing', async (_, path, part) => {
    const { shape } = host.weight(`${path}.${part}`);
    const seen: tf.Tensor[] = [];
    // Other weights for all states, so that no gradient vanishes.
    const weights = random(batch, someInputs(batch).inputIds.shape[1], 32);
    const tap = (through: tf.Scalar): Intervention => ({
      kind: 'slopeTap',
      path,
      through,
      observe(slope, factor) {
        const [slopes, factors] = [slope.reshape([-1, slope.shape.at(-1)!]), factor()];
        const rows = factors.reshape([-1, factors.shape.at(-1)!]);
        const ofWeight = () => (path === norm ? slopes.mul(rows).sum(0) : tf.matMul(rows, slopes, true));
        seen.push(tf.keep(part === 'bias' ? slopes.sum(0) : ofWeight()));
      },
    });
    const delta = (value: tf.Tensor): Intervention =>
      part === 'bias'
        ? { kind: 'biasDelta', path: `${path}.bias`, delta: value }
        : { kind: 'weightDelta', path: `${path}.weight`, delta: value };
    const loss = (item: Intervention) => states([item]).mul(weights).sum<tf.Scalar>();
    const difference = tf.tidy(() => {
      const expected = tf.grad((value) => loss(delta(value)))(tf.zeros(shape));
      tf.grad((through) => loss(tap(through as tf.Scalar)))(tf.scalar(0));
      return seen[0]!.sub(expected).abs().max().div(expected.abs().max());
    });
    expect(seen).toHaveLength(1);
    expect((await difference.data())[0]).toBeLessThan(1e-5);
    expect(await maxDifference(states([tap(tf.scalar(0))]), states([]))).toBeLessThan(1e-6);
    tf.dispose([...seen, difference, weights]);
  });
});

describe('hiddenDelta', () => {
  it('adds a function of the states to the output of a layer', async () => {
    const direction = random(32);
    const delta = (path: string, perToken: boolean): Intervention => ({
      kind: 'hiddenDelta',
      path,
      perToken,
      apply: (x) => x.mul(0.5).add(direction),
    });
    const bare = states([]);
    for (const perToken of [true, false]) {
      const last = states([delta('encoder.layer.1', perToken)]);
      expect(await maxDifference(last, bare.mul(1.5).add(direction))).toBeLessThan(1e-5);
      // At the first layer the second one takes it in.
      const first = states([delta('encoder.layer.0', perToken)]);
      expect(await maxDifference(first, bare)).toBeGreaterThan(1e-2);
      expect(await maxDifference(first, last)).toBeGreaterThan(1e-2);
    }
    expect(() => states([delta('encoder.layer.7', true)])).toThrow(
      expect.objectContaining({ code: 'INTERVENTION_PATH_UNKNOWN' }),
    );
  });
});

describe('what a host does not do', () => {
  it('is refused if nobody knows the kind', () => {
    const unknown = { kind: 'wish', path: linear } as unknown as Intervention;
    expect(() => states([unknown])).toThrow(expect.objectContaining({ code: 'INTERVENTION_KIND_UNKNOWN' }));
  });

  it('is told if a pass came by and did not look', () => {
    const bias: Intervention = { kind: 'biasDelta', path: linear, delta: random(64) };
    const gate: Intervention = { kind: 'outputGate', path: linear, gate: random(64) };
    const index = indexInterventions([bias, gate], indexSites(host.spec), batch);
    index.at('biasDelta', linear);
    expect(() => index.requireApplied()).toThrow(
      expect.objectContaining({ code: 'INTERVENTION_NOT_APPLIED', message: expect.stringContaining('outputGate') }),
    );
    index.at('outputGate', linear);
    expect(() => index.requireApplied()).not.toThrow();
  });
});
