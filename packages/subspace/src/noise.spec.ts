import { describe, expect, it } from '@jest/globals';
import {
  compose,
  type Context,
  createStream,
  foldMethod,
  head,
  type HostSpec,
  initialValues,
  type Parameters,
  type PeftMethod,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { noise, noiseDefinition } from './noise.js';
import { subspace } from './subspace.js';

useTestBackend();

const size = 400;
const host: HostSpec = {
  name: 'toy',
  modelType: 'toy',
  baseModelPrefix: 'toy',
  hiddenSize: size,
  numHiddenLayers: 1,
  numAttentionHeads: 1,
  maxPositionEmbeddings: 8,
  padTokenId: 0,
  defaultReadout: 'mean',
  fingerprint: 'toy',
  classifier: { output: 'classifier', readout: 'pooler' },
  sites: [
    { kind: 'linear', path: 'a', inputSize: size, outputSize: size },
    { kind: 'readout', path: 'classifier', size, readouts: ['mean'] },
  ],
};

/** Two gates, of which the second has one value a batch. */
const gates: PeftMethod = {
  type: 'GATES',
  config: {},
  namespaces: ['gates'],
  plan: () => {
    const names = ['in', 'out'] as const;
    return {
      raw: names.map((side) => ({
        name: `gates.${side}`,
        shape: [size],
        initial: { kind: 'normal', standardDeviation: 3 } as const,
      })),
      effective: names.map((side) => ({
        name: `gates.${side}`,
        shape: [size],
        site: 'a',
        perExample: side === 'in' ? ('axis' as const) : ('none' as const),
      })),
    };
  },
  intervene: (effective): Intervention[] => [
    { kind: 'inputGate', path: 'a', gate: effective.get('gates.in')! },
    { kind: 'outputGate', path: 'a', gate: effective.get('gates.out')! },
  ],
};

const start = (method: PeftMethod): Parameters => toParameters(initialValues(method.plan(host), createStream(1)));
const context = (mode: Context['mode'], seed = 0): Context => {
  const stream = createStream(seed);
  return {
    mode,
    host,
    batchSize: 3,
    streams: { draws: substream(stream, 'draws'), dropout: substream(stream, 'dropout') },
  };
};
const gatesIn = (method: PeftMethod, effective: Parameters, at: Context) =>
  method.intervene(effective, at).flatMap((item) => ('gate' in item ? [item.gate as tf.Tensor] : []));

describe('noise', () => {
  it('is the method itself in evaluation and when it is deployed', () => {
    const method = noise(gates);
    const effective = start(method);
    expect(gatesIn(method, effective, context('evaluate'))).toEqual(gatesIn(gates, effective, context('evaluate')));
    expect(foldMethod(method, effective)).toEqual({ method: gates, effective });
    expect(method.plan(host)).toEqual(gates.plan(host));
  });

  it('draws for each example where a parameter may differ between examples, the same for the same stream', async () => {
    const method = noise(gates);
    const effective = start(method);
    const [own, shared] = gatesIn(method, effective, context('train'));
    expect([own!.shape, shared!.shape]).toEqual([[3, size], [size]]);
    const rows = (await own!.array()) as number[][];
    expect(rows[0]).not.toEqual(rows[1]);
    expect(await gatesIn(method, effective, context('sample'))[0]!.array()).toEqual(rows);
    expect(await gatesIn(method, effective, context('train', 1))[0]!.array()).not.toEqual(rows);
    const [whole] = gatesIn(noise(gates, { granularity: 'batch' }), effective, context('train'));
    expect(whole!.shape).toEqual([size]);
  });

  it('is as long as points of a simplex of two are away from their midpoint', async () => {
    const point = noise(gates);
    const around = start(point);
    const simplex = subspace(gates, { granularity: 'example' });
    const vertices = start(simplex);
    const lengths = async (method: PeftMethod, effective: Parameters) => {
      const middle = gatesIn(method, effective, context('evaluate'))[0]!;
      const distances = await Promise.all(
        Array.from({ length: 60 }, (_, seed) =>
          gatesIn(method, effective, context('train', seed))[0]!.sub(middle).square().mean().data(),
        ),
      );
      const scale = (await middle.square().mean().data())[0]!;
      return distances.reduce((sum, values) => sum + values[0]!, 0) / distances.length / scale;
    };
    expect(await lengths(point, around)).toBeCloseTo(1 / 3, 2);
    expect(Math.abs((await lengths(simplex, vertices)) - 1 / 3)).toBeLessThan(0.06);
  });

  it('lets no gradient through its length, also where a parameter is zero', async () => {
    const method = noise(gates);
    const effective = start(method);
    const slope = (at: tf.Tensor) =>
      tf.grad((gate) => gatesIn(method, new Map([...effective, ['gates.in', gate]]), context('train'))[0]!.sum())(at);
    for (const at of [effective.get('gates.in')!, tf.zeros([size])])
      expect([...(await slope(at).data())]).toEqual(Array(size).fill(3));
  });

  it('leaves alone what is not trained', () => {
    const frozen: PeftMethod = {
      ...gates,
      plan: (at) => {
        const { raw, effective } = gates.plan(at);
        return { raw: [{ ...raw[0]!, trainable: false, shared: true }, raw[1]!], effective };
      },
    };
    const effective = start(frozen);
    const [own, trained] = gatesIn(noise(frozen), effective, context('train'));
    expect([own === effective.get('gates.in'), trained === effective.get('gates.out')]).toEqual([true, false]);
  });

  it('spares the head if asked, and wraps exactly one method', () => {
    const both = compose(gates, head({ labels: ['x', 'y'], initialStandardDeviation: 1 }));
    const effective = start(both);
    const isItself = (headNoise: boolean) => {
      const items = noise(both, { head: headNoise }).intervene(effective, context('train'));
      return items.some(
        (item) => item.kind === 'readout' && Object.values(item).includes(effective.get('head.classifier.weight')),
      );
    };
    expect([isItself(true), isItself(false)]).toEqual([false, true]);
    expect(() => noiseDefinition.create({ scale: 1, granularity: 'batch', head: true }, [])).toThrow(
      /NOISE around 0 methods/,
    );
    expect(() => noise(gates, { scale: 0 })).toThrow(/scale/);
    expect(() => noise(compose(subspace(gates)))).toThrow(expect.objectContaining({ code: 'WRAPPED_TWICE' }));
  });
});
