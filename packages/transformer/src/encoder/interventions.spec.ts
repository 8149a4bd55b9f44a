import { evaluationContext, type Host, type NamedArray, sitesOfKind } from '@tfjs-peft/peft-core';
import type { Intervention, Interventions } from '@tfjs-peft/peft-core/interventions';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference, someInputs } from '../../test/test-hosts.js';
import { memoryTensorSource } from '../weights/tensor-source.js';
import { createHost } from './create-host.js';
import { createRandomHost, tinyBertConfig } from './create-random-host.js';

useTestBackend();

const batch = 3;
const linear = 'encoder.layer.1.intermediate.dense'; // [32, 64]
const query = 'encoder.layer.0.attention.self.query'; // [32, 32]
const norm = 'encoder.layer.0.output.LayerNorm';
const words = 'embeddings.word_embeddings'; // [100, 32]

let host: Host;
beforeAll(async () => {
  host = await createRandomHost();
});
afterAll(() => host.dispose());

let seed = 0;
const random = (...shape: number[]) => tf.randomNormal(shape, 0, 0.3, 'float32', ++seed);
const nearOne = (...shape: number[]) => random(...shape).add(1);
const hiddenStates = (interventions: Interventions, on = host) =>
  on.forward(someInputs(batch), interventions, evaluationContext(on.spec, batch)).lastHiddenState;

/** The host with one tensor changed: what a merge into the weights would give. */
async function hostWith(path: string, change: (tensor: tf.Tensor) => tf.Tensor): Promise<Host> {
  const arrays = new Map<string, NamedArray>();
  for (const site of sitesOfKind(host.spec, 'tensor')) {
    const changed = site.path === path ? change(host.weight(path)) : host.weight(site.path);
    const isKernel = site.path.endsWith('.weight') && changed.rank === 2 && !site.path.startsWith('embeddings.');
    const stored = isKernel ? changed.transpose() : changed;
    arrays.set(site.path, { shape: stored.shape, data: Float32Array.from(await stored.data()) });
  }
  return createHost({ config: tinyBertConfig(), tensors: memoryTensorSource(arrays), name: 'merged' });
}

async function expectMerged(interventions: Interventions, path: string, change: (tensor: tf.Tensor) => tf.Tensor) {
  const merged = await hostWith(path, change);
  const plain = hiddenStates([]);
  const expected = hiddenStates([], merged);
  expect(await maxDifference(expected, plain)).toBeGreaterThan(1e-2);
  expect(await maxDifference(hiddenStates(interventions), expected)).toBeLessThan(2e-5);
  merged.dispose();
}

describe('interventions that a merge could write into the weights', () => {
  it.each([linear, query, 'encoder.layer.0.attention.self.value'])('low-rank deltas at %s, several', async (path) => {
    const outputs = path === linear ? 64 : 32;
    const deltas = [2, 3].map((rank): Intervention & { kind: 'lowRankDelta' } => ({
      kind: 'lowRankDelta',
      path,
      down: random(32, rank),
      up: random(rank, outputs),
      scale: rank / 2,
    }));
    await expectMerged(deltas, `${path}.weight`, (weight) =>
      deltas.reduce((sum, { down, up, scale }) => sum.add(tf.matMul(down, up).mul(scale)), weight),
    );
  });

  it('low-rank deltas of word embeddings', async () => {
    const [down, up] = [random(100, 2), random(2, 32)];
    await expectMerged([{ kind: 'lowRankDelta', path: words, down, up, scale: 2 }], `${words}.weight`, (table) =>
      table.add(down.matMul(up).mul(2)),
    );
  });

  it.each([
    [linear, [32, 64]],
    [query, [32, 32]],
    [norm, [32]],
    [words, [100, 32]],
    ['embeddings.position_embeddings', [64, 32]],
  ])('weight deltas at %s, by the path of module or tensor', async (path, shape) => {
    const [first, second] = [random(...shape), random(...shape)];
    const interventions: Interventions = [
      { kind: 'weightDelta', path, delta: first },
      { kind: 'weightDelta', path: `${path}.weight`, delta: second },
    ];
    await expectMerged(interventions, `${path}.weight`, (weight) => weight.add(first).add(second));
  });

  it.each([
    [linear, 64],
    [norm, 32],
  ])('bias deltas at %s', async (path, size) => {
    const [first, second] = [random(size), random(size)];
    const interventions: Interventions = [
      { kind: 'biasDelta', path, delta: first },
      { kind: 'biasDelta', path: `${path}.bias`, delta: second },
    ];
    await expectMerged(interventions, `${path}.bias`, (bias) => bias.add(first).add(second));
  });

  it.each([
    ['columns', linear, [64]],
    ['columns as a row', linear, [1, 64]],
    ['rows', linear, [32, 1]],
    ['all entries', linear, [32, 64]],
    ['a number', linear, []],
    ['a norm', norm, [32]],
    ['a table', words, [100, 32]],
    ["a table's rows", words, [100, 1]],
    ["a table's columns", words, [32]],
  ])('weight scales by %s, after all deltas', async (_name, path, shape) => {
    const full = path === linear ? [32, 64] : path === norm ? [32] : [100, 32];
    const [delta, scale, second] = [random(...full), nearOne(...shape), nearOne(...shape)];
    const hasLowRank = full.length === 2;
    const [down, up] = [random(full[0]!, 2), random(2, full[1] ?? 1)];
    const interventions: Interventions = [
      { kind: 'weightScale', path, scale },
      { kind: 'weightDelta', path, delta },
      { kind: 'weightScale', path, scale: second },
      ...(hasLowRank ? [{ kind: 'lowRankDelta', path, down, up, scale: 0.5 } as const] : []),
    ];
    await expectMerged(interventions, `${path}.weight`, (weight) =>
      weight
        .add(delta)
        .add(hasLowRank ? tf.matMul(down, up).mul(0.5) : 0)
        .mul(scale)
        .mul(second),
    );
  });

  it('scales by rows and by columns together', async () => {
    const [rows, columns] = [nearOne(32, 1), nearOne(64)];
    const interventions: Interventions = [rows, columns].map((scale) => ({ kind: 'weightScale', path: linear, scale }));
    await expectMerged(interventions, `${linear}.weight`, (weight) => weight.mul(rows).mul(columns));
  });

  it('input gates as scaled rows', async () => {
    const gate = nearOne(32);
    await expectMerged([{ kind: 'inputGate', path: linear, gate }], `${linear}.weight`, (weight) =>
      weight.mul(gate.reshape([32, 1])),
    );
  });

  it('output gates on the sum of all that came before, as on an affine map made of it', async () => {
    const gate = nearOne(64);
    const bias = host.weight(`${linear}.bias`);
    const scaled = await hostWith(`${linear}.weight`, (weight) => weight.mul(gate));
    const interventions: Interventions = [
      { kind: 'outputGate', path: linear, gate },
      { kind: 'activationDelta', path: linear, apply: (x) => x.sum(-1, true).mul(0.1) },
    ];
    const expected = hiddenStates(
      [
        { kind: 'biasDelta', path: linear, delta: bias.mul(gate).sub(bias) },
        { kind: 'activationDelta', path: linear, apply: (x) => x.sum(-1, true).mul(0.1).mul(gate) },
      ],
      scaled,
    );
    expect(await maxDifference(hiddenStates(interventions), expected)).toBeLessThan(2e-5);
    scaled.dispose();
  });
});

describe('interventions that act on activations', () => {
  it('activation deltas equal the low-rank delta they compute', async () => {
    const [down, up] = [random(32, 2), random(2, 64)];
    const apply = (x: tf.Tensor) => x.reshape([-1, 32]).matMul(down).matMul(up).reshape([batch, -1, 64]);
    const asFunction = hiddenStates([{ kind: 'activationDelta', path: linear, apply }]);
    const asData = hiddenStates([{ kind: 'lowRankDelta', path: linear, down, up, scale: 1 }]);
    expect(await maxDifference(asFunction, asData)).toBeLessThan(1e-5);
  });

  it('sublayer adapters see output or input of the sublayer, before the residual', async () => {
    const path = 'encoder.layer.1.output';
    const seen: tf.Tensor[] = [];
    const inputs = hiddenStates([
      { kind: 'sublayerAdapter', path, placement: 'parallel', apply: (x) => (seen.push(tf.keep(x.clone())), x) },
      {
        kind: 'sublayerAdapter',
        path,
        placement: 'sequential',
        apply: (y) => (seen.push(tf.keep(y.clone())), y.mul(2)),
      },
    ]);
    const [output, input] = seen as [tf.Tensor, tf.Tensor];
    const normed = (x: tf.Tensor) => {
      const { mean, variance } = tf.moments(x, -1, true);
      const n = x.sub(mean).div(variance.add(1e-12).sqrt());
      return n.mul(host.weight(`${path}.LayerNorm.weight`)).add(host.weight(`${path}.LayerNorm.bias`));
    };
    expect(await maxDifference(hiddenStates([]), normed(output.add(input)))).toBeLessThan(1e-5);
    // sequential: 2 · output; parallel: + input; residual: + input
    expect(await maxDifference(inputs, normed(output.mul(2).add(input.mul(2))))).toBeLessThan(1e-5);

    const once = normed(output.add(input));
    const behindNorm = hiddenStates([{ kind: 'sublayerAdapter', path, placement: 'normed', apply: (z) => z.square() }]);
    expect(await maxDifference(behindNorm, normed(output.add(input).add(once.square())))).toBeLessThan(1e-5);
  });
});

describe('a leading batch axis', () => {
  const cases: Record<string, (lead: number[]) => Intervention> = {
    lowRankDelta: (lead) => ({
      kind: 'lowRankDelta',
      path: linear,
      down: random(...lead, 32, 2),
      up: random(...lead, 2, 64),
      scale: 1,
    }),
    dynamicLowRankDelta: (lead) => ({
      kind: 'dynamicLowRankDelta',
      path: linear,
      down: random(...lead, 32, 2),
      core: random(...lead, 32, 4),
      up: random(...lead, 2, 64),
    }),
    'lowRankDelta of words': (lead) => ({
      kind: 'lowRankDelta',
      path: words,
      down: tf.ones([100, 2]).mul(0.1),
      up: random(...lead, 2, 32),
      scale: 1,
    }),
    biasDelta: (lead) => ({ kind: 'biasDelta', path: query, delta: random(...lead, 32) }),
    'biasDelta of a norm': (lead) => ({ kind: 'biasDelta', path: norm, delta: random(...lead, 32) }),
    inputGate: (lead) => ({ kind: 'inputGate', path: linear, gate: nearOne(...lead, 32) }),
    outputGate: (lead) => ({ kind: 'outputGate', path: query, gate: nearOne(...lead, 32) }),
    readout: (lead) => ({
      kind: 'readout',
      readout: 'pooler',
      weight: random(...lead, 4, 32),
      bias: random(...lead, 4),
      dropout: 0,
    }),
    'outputGate at the pooler': (lead) => ({ kind: 'outputGate', path: 'pooler.dense', gate: nearOne(...lead, 32) }),
  };
  const fixedHead = (): Intervention => ({
    kind: 'readout',
    readout: 'pooler',
    weight: tf.ones([4, 32]),
    bias: tf.zeros([4]),
    dropout: 0,
  });

  it.each(Object.keys(cases))('%s equals single runs', async (name) => {
    const intervention = cases[name]!([batch]);
    const run = (used: Intervention) =>
      host.forward(
        someInputs(batch),
        used.kind === 'readout' ? [used] : [used, fixedHead()],
        evaluationContext(host.spec, batch),
      ).logits!;
    const together = run(intervention);
    expect(together.shape).toEqual([batch, 4]);
    for (let row = 0; row < batch; row++) {
      const ownRow = ([key, value]: [string, unknown]) =>
        [key, value instanceof tf.Tensor && value.shape[0] === batch ? tf.unstack(value)[row]! : value] as const;
      const own = Object.fromEntries(Object.entries(intervention).map(ownRow)) as unknown as Intervention;
      const alone = run(own).slice([row, 0], [1, -1]);
      expect(await maxDifference(together.slice([row, 0], [1, -1]), alone)).toBeLessThan(1e-5);
    }
  });
});
