import { createStream, evaluationContext, type Host, type HostInputs, padBatch } from '@tfjs-peft/peft-core';
import type { Intervention, Interventions } from '@tfjs-peft/peft-core/interventions';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference } from '../../test/test-hosts.js';
import { createRandomHost } from '../encoder/create-random-host.js';
import { hasFusedKernels } from '../kernels/native-kernels.js';

useTestBackend();

const layer = 'encoder.layer.0';
const query = `${layer}.attention.self.query`;
const wide = `${layer}.intermediate.dense`;
const norm = `${layer}.output.LayerNorm`;
const batch = 3;

let host: Host;
beforeAll(async () => {
  host = await createRandomHost();
});
afterAll(() => host.dispose());
beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

let seed = 0;
const random = (...shape: number[]) => tf.randomNormal(shape, 0, 0.3, 'float32', ++seed);
const texts = [9, 2, 5].map((length, row) => {
  const inputIds = Array.from({ length }, (_, token) => 5 + ((31 * row + 17 * token) % 90));
  return { inputIds, tokenTypeIds: inputIds.map((_, token) => Number(token > 3)) };
});
const packed = () => padBatch(texts, 0);
const unpacked = ({ textPositions: _, ...rest }: HostInputs = packed()): HostInputs => rest;

const prefix = (...lead: number[]): Intervention => {
  const shape = [...lead, host.spec.numAttentionHeads, 3, host.spec.hiddenSize / host.spec.numAttentionHeads];
  const path = `${layer}.attention.self`;
  return { kind: 'keyValuePrefix', path, keys: random(...shape), values: random(...shape), positions: 'none' };
};
const head = (): Intervention => ({
  kind: 'readout',
  readout: 'mean',
  weight: random(2, 32),
  bias: random(2),
  dropout: 0,
});
const lowRank = (path: string, outputs: number, ...lead: number[]): Intervention => ({
  kind: 'lowRankDelta',
  path,
  down: random(...lead, 32, 2),
  up: random(...lead, 2, outputs),
  scale: 2,
});

const tokenwise: Interventions = [
  ...(['sequential', 'normed', 'parallel'] as const).map((placement): Intervention => {
    const map = random(32, 32);
    const apply = (y: tf.Tensor) =>
      tf
        .matMul(y.reshape([-1, 32]), map)
        .reshape(y.shape)
        .tanh();
    return { kind: 'sublayerAdapter', path: `${layer}.output`, placement, apply, perToken: true };
  }),
  { kind: 'activationDelta', path: query, apply: (x) => x.square(), perToken: true },
];
const placed: [string, () => Interventions][] = [
  ['nothing', () => []],
  ['a prefix', () => [prefix()]],
  ['a prefix for each example', () => [prefix(batch)]],
  ['low-rank deltas', () => [lowRank(query, 32), lowRank(wide, 64)]],
  ['dense deltas', () => [{ kind: 'weightDelta', path: wide, delta: random(32, 64) }]],
  ['a delta of a LayerNorm', () => [{ kind: 'weightDelta', path: norm, delta: random(32) }]],
  [
    'gates and biases',
    () => [
      { kind: 'outputGate', path: query, gate: random(32).add(1) },
      { kind: 'inputGate', path: wide, gate: random(32).add(1) },
      { kind: 'biasDelta', path: wide, delta: random(64) },
    ],
  ],
  ['functions of single tokens', () => tokenwise],
  ['low-rank deltas for each example', () => [lowRank(query, 32, batch)]],
  ['a delta of a LayerNorm for each example', () => [{ kind: 'weightDelta', path: norm, delta: random(batch, 32) }]],
  [
    'gates and biases for each example',
    () => [
      { kind: 'outputGate', path: query, gate: random(batch, 32) },
      { kind: 'inputGate', path: wide, gate: random(batch, 32) },
      { kind: 'biasDelta', path: wide, delta: random(batch, 64) },
    ],
  ],
  [
    'gates that look at the states of an example',
    () => {
      const gate = (x: tf.Tensor, mask: tf.Tensor) =>
        x.mul(mask.toFloat().expandDims(2)).sum([1, 2]).sigmoid() as tf.Tensor1D;
      return [{ ...lowRank(query, 32), gate } as Intervention, { ...prefix(), gate } as Intervention];
    },
  ],
  ['shares', () => [{ kind: 'weightDelta', path: wide, delta: random(32, 64), shares: tf.tensor1d([0, 0.5, 1]) }]],
  [
    'an adapter that looks at the mask',
    () => [
      {
        kind: 'sublayerAdapter',
        path: `${layer}.output`,
        placement: 'sequential',
        apply: (y, mask) => y.mul(mask.toFloat().sum(1).reshape([-1, 1, 1])),
      },
    ],
  ],
  ['virtual tokens', () => [{ kind: 'tokenPrefix', embeddings: random(2, 32) }]],
];

describe('a batch without its padding', () => {
  const run = (inputs: HostInputs, items: Interventions) =>
    host.forward(inputs, items, evaluationContext(host.spec, batch));

  it('is what padBatch offers where enough is padding', async () => {
    expect([...(await packed().textPositions!.data())]).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 32, 33, 34, 35, 36,
    ]);
    expect(padBatch([texts[0]!], 0, { multipleOf: 1 }).textPositions).toBeUndefined();
  });

  it.each(placed)('gives the same with %s', async (_title, make) => {
    const items = [...make(), head()];
    const [found, expected] = [run(packed(), items), run(unpacked(), items)];
    const virtual = expected.lastHiddenState.shape[1] - packed().inputIds.shape[1];
    const { attentionMask } = packed();
    const mask = attentionMask
      .toFloat()
      .pad(
        [
          [0, 0],
          [virtual, 0],
        ],
        1,
      )
      .expandDims(2);
    expect(await maxDifference(found.logits!, expected.logits!)).toBeLessThan(1e-5);
    expect(await maxDifference(found.lastHiddenState, expected.lastHiddenState.mul(mask))).toBeLessThan(1e-5);
  });

  it.each(placed.slice(1))('gives the gradients of %s', async (_title, make) => {
    const bias = tf.zeros([32]);
    const below: Intervention = { kind: 'biasDelta', path: `${layer}.attention.output.dense`, delta: bias };
    const items = [...make(), below, head()];
    const tensors = items.flatMap((item) => Object.values(item).filter((value) => value instanceof tf.Tensor));
    const gradients = (inputs: HostInputs) => tf.grads(() => run(inputs, items).logits!.square().sum())(tensors);
    const [found, expected] = [gradients(packed()), gradients(unpacked())];
    for (const [index, one] of expected.entries()) {
      const size = (await one.abs().max().data())[0]!;
      expect(size).toBeGreaterThan(0);
      expect(await maxDifference(found[index]!, one)).toBeLessThan(1e-5 * Math.max(1, size));
    }
  });

  it('computes a third of the feed-forward network for a third of the tokens', async () => {
    const wide = async (inputs: HostInputs) => {
      const { kernels } = await tf.profile(() => run(inputs, []).lastHiddenState);
      const activation = kernels.find(({ name }) => name === 'Erf')!;
      return activation.outputShapes[0]!.reduce((size, length) => size * length, 1);
    };
    if (hasFusedKernels()) return; // One fused operation, whose inner size does not show.
    expect([await wide(packed()), await wide(unpacked())]).toEqual([16 * 64, 48 * 64]);
  });

  it('draws dropout from the streams of the pass', async () => {
    const dropping = await createRandomHost({ dropout: 0.2 });
    const readout = head();
    const logits = (seed: number) => {
      const streams = { dropout: createStream(seed), draws: createStream(0) };
      return dropping.forward(packed(), [readout], { mode: 'train', host: dropping.spec, batchSize: batch, streams })
        .logits!;
    };
    expect(await maxDifference(logits(1), logits(1))).toBe(0);
    expect(await maxDifference(logits(1), logits(2))).toBeGreaterThan(1e-3);
    dropping.dispose();
  });

  it('refuses positions that cannot be some', () => {
    const wrong = { ...packed(), textPositions: tf.tensor1d([0.5]) };
    expect(() => run(wrong, [])).toThrow(/HOST_INPUTS_INVALID|textPositions of type float32/);
  });
});
