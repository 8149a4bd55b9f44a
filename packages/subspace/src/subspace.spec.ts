import { describe, expect, it } from '@jest/globals';
import {
  compose,
  type Context,
  countParameters,
  createStream,
  evaluationContext,
  foldMethod,
  head,
  type HostInputs,
  type HostSpec,
  initialValues,
  type Parameters,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import type { Objective } from '@tfjs-peft/peft-core/authoring';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { drawOnce } from './draw-once.js';
import { measureSimplex, pointOfSimplex } from './simplex-points.js';
import { subspace } from './subspace.js';

useTestBackend();

const host: HostSpec = {
  name: 'toy',
  modelType: 'toy',
  baseModelPrefix: 'toy',
  hiddenSize: 3,
  numHiddenLayers: 2,
  numAttentionHeads: 1,
  maxPositionEmbeddings: 8,
  padTokenId: 0,
  defaultReadout: 'mean',
  fingerprint: 'toy',
  classifier: { output: 'classifier', readout: 'pooler' },
  sites: [
    { kind: 'linear', path: 'a', inputSize: 3, outputSize: 3 },
    { kind: 'linear', path: 'b', inputSize: 3, outputSize: 3 },
    { kind: 'readout', path: 'classifier', size: 3, readouts: ['mean'] },
  ],
};

/** Two gates a site, one of which cannot carry a batch axis. */
const gates: PeftMethod = {
  type: 'GATES',
  config: {},
  namespaces: ['gates'],
  plan: () => ({
    raw: sites.flatMap((site) =>
      ['in', 'out'].map((side) => ({
        name: `gates.${site}.${side}`,
        shape: [3],
        initial: { kind: 'normal', standardDeviation: 1 } as const,
      })),
    ),
    effective: sites.flatMap((site) => [
      { name: `gates.${site}.in`, shape: [3], site, perExample: 'axis' as const },
      { name: `gates.${site}.out`, shape: [3], site, perExample: 'none' as const },
    ]),
  }),
  reparametrise: (raw) => new Map([...raw].map(([name, tensor]) => [name, tensor.mul(2)])),
  intervene: (effective) =>
    sites.flatMap((path): Intervention[] => [
      { kind: 'inputGate', path, gate: effective.get(`gates.${path}.in`)! },
      { kind: 'outputGate', path, gate: effective.get(`gates.${path}.out`)! },
    ]),
};
const sites = ['a', 'b'];
const both = compose(gates, head({ labels: ['x', 'y'] }));

const start = (method: PeftMethod): Parameters => {
  const raw = toParameters(initialValues(method.plan(host), createStream(1)));
  return method.reparametrise?.(raw, host) ?? raw;
};
const context = (mode: Context['mode'], draws = 'd', batchSize = 4): Context => ({
  ...evaluationContext(host, batchSize),
  mode,
  streams: { dropout: createStream('o'), draws: createStream(draws) },
});
const tensorsOf = (method: PeftMethod, effective: Parameters, used: Context) =>
  method.intervene(effective, used).flatMap((item) => {
    if (item.kind === 'inputGate' || item.kind === 'outputGate') return [item.gate];
    return item.kind === 'readout' ? [item.weight, item.bias] : [];
  });
const numbers = async (tensors: tf.Tensor[]) => Promise.all(tensors.map(async (tensor) => [...(await tensor.data())]));

describe('subspace', () => {
  it('with one vertex is the method itself, bit for bit (T1)', async () => {
    const simplex = subspace(both, { vertices: 1, beta: 5 });
    const [plain, wrapped] = [start(both), start(simplex)];
    for (const mode of ['train', 'sample', 'evaluate'] as const)
      expect(await numbers(tensorsOf(simplex, wrapped, context(mode)))).toEqual(
        await numbers(tensorsOf(both, plain, context(mode))),
      );
    expect((await simplex.penalty!(wrapped, context('train')).data())[0]).toBe(0);
  });

  it('gives every vertex initial values of its own and leaves the first as it was', async () => {
    const plain = initialValues(both.plan(host), createStream(1));
    const simplex = initialValues(subspace(both, { vertices: 3 }).plan(host), createStream(1));
    expect(simplex.get('gates.vertex.0.a.in')).toEqual(plain.get('gates.a.in'));
    expect(simplex.get('gates.vertex.1.a.in')!.data).not.toEqual(plain.get('gates.a.in')!.data);
    expect(simplex.get('gates.vertex.1.a.in')!.data).not.toEqual(simplex.get('gates.vertex.2.a.in')!.data);
    expect(countParameters(subspace(both, { vertices: 3 }).plan(host)).trainable).toBe(
      3 * countParameters(both.plan(host)).trainable,
    );
  });

  it('draws per example where the method can carry a batch axis, once a batch otherwise', () => {
    const simplex = subspace(both);
    const shapes = tensorsOf(simplex, start(simplex), context('train')).map(({ shape }) => shape);
    expect(shapes).toEqual([[4, 3], [3], [4, 3], [3], [4, 2, 3], [4, 2]]);
    const once = subspace(both, { granularity: 'batch' });
    expect(tensorsOf(once, start(once), context('train')).map(({ shape }) => shape.length)).toEqual([1, 1, 1, 1, 2, 1]);
  });

  it.each([
    ['example_layer', false, false],
    ['example', true, false],
    ['batch_layer', false, true],
    ['batch', true, true],
  ] as const)(
    '%s: same coefficients at all sites %p, for all examples %p (T4)',
    async (granularity, sameSites, sameExamples) => {
      const axisOnly: PeftMethod = {
        ...gates,
        plan: () => ({
          raw: sites.map((site) => ({
            name: `gates.${site}.in`,
            shape: [1],
            initial: { kind: 'constant', value: 1 } as const,
          })),
          effective: sites.map((site) => ({ name: `gates.${site}.in`, shape: [1], site, perExample: 'axis' as const })),
        }),
        reparametrise: undefined,
        intervene: (effective) =>
          sites.map((path) => ({ kind: 'inputGate', path, gate: effective.get(`gates.${path}.in`)! })),
      };
      const simplex = subspace(axisOnly, { granularity });
      // Vertices 0 and 1: the mixed value is the second coefficient.
      const effective = new Map(
        sites.flatMap((site) => [0, 1].map((v) => [`gates.vertex.${v}.${site}.in`, tf.tensor1d([v])] as const)),
      );
      const [a, b] = await numbers(tensorsOf(simplex, effective, context('train')));
      expect(JSON.stringify(a) === JSON.stringify(b)).toBe(sameSites);
      expect(new Set(a).size === 1).toBe(sameExamples);
    },
  );

  it('at one-hot coefficients is the vertex, at equal ones the folded midpoint (T2)', async () => {
    const simplex = subspace(both, { vertices: 2 });
    const effective = start(simplex);
    const vertex = pointOfSimplex(simplex, effective, [0, 1]);
    expect(await numbers([vertex.get('gates.a.in')!])).toEqual(await numbers([effective.get('gates.vertex.1.a.in')!]));
    const before = tf.memory().numTensors;
    const middle = pointOfSimplex(simplex, effective, [0.5, 0.5]);
    expect(tf.memory().numTensors - before).toBe([...middle.keys()].filter((name) => !effective.has(name)).length);
    const folded = foldMethod(simplex, effective);
    expect(folded.method).toBe(both);
    expect([...folded.effective.keys()].sort()).toEqual([...middle.keys()].sort());
    for (const [name, tensor] of folded.effective)
      expect(Math.max(...(await tensor.sub(middle.get(name)!).abs().data()))).toBeLessThan(1e-6);
    expect(await numbers(tensorsOf(simplex, effective, context('evaluate')))).toEqual(
      await numbers(tensorsOf(both, folded.effective, context('evaluate'))),
    );
  });

  it('a row mixed with (a, b) is the model mixed with a and the model mixed with b (T3)', async () => {
    const simplex = subspace(both);
    const effective = start(simplex);
    const [batched] = tensorsOf(simplex, effective, context('train', 'd', 2));
    const [first, second] = await numbers([
      effective.get('gates.vertex.0.a.in')!,
      effective.get('gates.vertex.1.a.in')!,
    ]);
    const rows = await numbers(tf.unstack(batched!));
    for (const row of rows) {
      const share = (row[0]! - first![0]!) / (second![0]! - first![0]!);
      row.forEach((value, i) => expect(value).toBeCloseTo(first![i]! + share * (second![i]! - first![i]!), 4));
    }
  });

  it('keeps one head for the whole simplex if asked', () => {
    const plan = subspace(both, { head: false }).plan(host);
    expect(plan.raw.filter(({ name }) => name.startsWith('head.')).map(({ name }) => name)).toEqual([
      'head.classifier.weight',
      'head.classifier.bias',
    ]);
    const simplex = subspace(both, { head: false });
    expect(tensorsOf(simplex, start(simplex), context('train')).at(-1)!.shape).toEqual([2]);
  });

  it('penalises the squared cosine of a pair of vertices, the head left out (T7)', async () => {
    const simplex = subspace(both, { beta: 2 });
    const effective = new Map(start(simplex));
    const value = async (method: PeftMethod) => (await method.penalty!(effective, context('train')).data())[0]!;
    for (const [name, tensor] of effective)
      if (name.startsWith('gates.vertex.0.')) effective.set(name.replace('.0.', '.1.'), tensor);
    expect(await value(simplex)).toBeCloseTo(2, 5);
    expect(await value(subspace(both, { regularisation: 'off' }))).toBe(0);
    expect(await value(subspace(both, { beta: 1, regulariseHead: true }))).toBeLessThan(1);
    expect(await value(subspace(both, { beta: 1, regularisation: 'per_layer' }))).toBeCloseTo(1, 5);
  });

  it('draws for each of the two layers of a head', () => {
    const plan = head({ labels: ['a', 'b'], hidden: 'tanh' }).plan(host);
    const draw = drawOnce(subspace(gates).config as never, context('train'));
    const drawn = new Map(plan.effective.map((spec) => [spec.name, draw(spec, true).coefficients]));
    expect(drawn.get('head.classifier.bias')).toBe(drawn.get('head.classifier.weight'));
    expect(drawn.get('head.dense.bias')).toBe(drawn.get('head.dense.weight'));
    const [classifier, dense] = ['classifier', 'dense'].map((layer) => drawn.get(`head.${layer}.weight`)!.arraySync());
    expect(dense).not.toEqual(classifier);
  });

  it('averages the loss over several draws', async () => {
    const simplex = subspace(both, { trainDraws: 3 });
    const seen: string[] = [];
    const counting: Objective = {
      id: 'counting',
      loss(_pass, _batch, used) {
        seen.push(used.streams.draws.path);
        return { loss: tf.scalar(seen.length), terms: { squared: tf.scalar(seen.length ** 2) } };
      },
    };
    const noPass = () => {
      throw new Error('no pass needed');
    };
    const wrapped = simplex.objective!(counting);
    const { loss, terms } = wrapped.loss(noPass, { inputs: {} as HostInputs, targets: null }, context('train'));
    expect((await loss.data())[0]).toBe(2);
    expect((await terms!['squared']!.data())[0]).toBeCloseTo((1 + 4 + 9) / 3, 6);
    expect(wrapped.id).toBe('counting');
    expect(new Set(seen).size).toBe(3);
  });

  it('measures distances and norms', async () => {
    const effective = new Map(
      [tf.tensor1d([3, 0]), tf.tensor1d([0, 4])].map((tensor, v) => [`gates.vertex.${v}.a.in`, tensor] as const),
    );
    const geometry = await measureSimplex(subspace(gates), effective);
    expect(geometry.meanSquaredCosine).toBeCloseTo(0, 6);
    expect(geometry.rootMeanSquaredDistance).toBeCloseTo(5, 5);
    expect(geometry.midpointNorm).toBeCloseTo(2.5, 5);
    expect(geometry.vertexNorm).toBeCloseTo(3.5, 5);
  });

  it('refuses what cannot be meant', () => {
    expect(() => subspace(subspace(gates))).toThrow(expect.objectContaining({ code: 'WRAPPED_TWICE' }));
    expect(() => subspace(compose(subspace(gates)))).toThrow(expect.objectContaining({ code: 'WRAPPED_TWICE' }));
    expect(() => subspace(gates, { vertexes: 2 } as never)).toThrow(/did you mean "vertices"/);
    expect(() => subspace(gates, { distribution: 'dirichlet:0' })).toThrow(/positive/);
    expect(() => pointOfSimplex(gates, new Map(), [1])).toThrow(expect.objectContaining({ code: 'NOT_A_SUBSPACE' }));
    for (const coefficients of [[1, 1], [NaN, 1], [1]])
      expect(() => pointOfSimplex(subspace(gates), new Map(), coefficients)).toThrow(
        expect.objectContaining({ code: 'COEFFICIENTS_INVALID' }),
      );
  });
});
