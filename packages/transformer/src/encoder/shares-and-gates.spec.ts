import { evaluationContext, type Host } from '@tfjs-peft/peft-core';
import type { Interventions } from '@tfjs-peft/peft-core/interventions';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference, someInputs } from '../../test/test-hosts.js';
import { createRandomHost } from './create-random-host.js';

useTestBackend();

const batch = 3;
const linear = 'encoder.layer.1.intermediate.dense'; // [32, 64]
const query = 'encoder.layer.0.attention.self.query'; // [32, 32]
const attention = 'encoder.layer.0.attention.self';

let host: Host;
beforeAll(async () => {
  host = await createRandomHost();
});
afterAll(() => host.dispose());

let seed = 0;
const random = (...shape: number[]) => tf.randomNormal(shape, 0, 0.3, 'float32', ++seed);
const states = (interventions: Interventions) =>
  host.forward(someInputs(batch), interventions, evaluationContext(host.spec, batch)).lastHiddenState;
const row = (states: tf.Tensor, index: number) => states.gather([index]);

/** Example b of a pass must equal example b of the pass that `alone(b)` describes. */
async function expectRows(together: Interventions, alone: (example: number) => Interventions) {
  const all = states(together);
  for (let example = 0; example < batch; example++)
    expect(await maxDifference(row(all, example), row(states(alone(example)), example))).toBeLessThan(1e-5);
  expect(await maxDifference(row(all, 0), row(states(alone(1)), 0))).toBeGreaterThan(1e-4);
}

describe('weight deltas that examples share out', () => {
  it.each([
    [linear, [32, 64]],
    [query, [32, 32]],
    ['encoder.layer.0.output.LayerNorm', [32]],
    ['embeddings.word_embeddings', [100, 32]],
    ['embeddings.position_embeddings', [64, 32]],
  ])('at %s: example b gets its share', async (path, shape) => {
    const deltas = [random(...shape), random(...shape)];
    const shares = [
      [0.2, 0.8],
      [1, 0],
      [0.5, 0.5],
    ];
    await expectRows(
      deltas.map((delta, i) => ({
        kind: 'weightDelta',
        path,
        delta,
        shares: tf.tensor1d(shares.map((own) => own[i]!)),
      })),
      (b) => [{ kind: 'weightDelta', path, delta: tf.addN(deltas.map((delta, i) => delta.mul(shares[b]![i]!))) }],
    );
  });

  it('a norm takes one delta an example', async () => {
    const path = 'encoder.layer.0.output.LayerNorm';
    const delta = random(batch, 32);
    await expectRows([{ kind: 'weightDelta', path, delta }], (b) => [
      { kind: 'weightDelta', path, delta: row(delta, b).squeeze([0]) },
    ]);
  });
});

describe('weight magnitude (DoRA)', () => {
  const dora = (down: tf.Tensor, up: tf.Tensor, delta: tf.Tensor): Interventions => [
    { kind: 'lowRankDelta', path: linear, down, up, scale: 0.7 },
    { kind: 'weightMagnitude', path: linear, delta },
  ];

  it('changes nothing without deltas', async () => {
    const items = dora(random(32, 4), tf.zeros([4, 64]), tf.zeros([64]));
    expect(await maxDifference(states(items), states([]))).toBeLessThan(1e-6);
  });

  it('equals the rescaled weight, computed in full', async () => {
    const [down, up, delta] = [random(32, 4), random(4, 64), random(64)];
    const weight = host.weight(`${linear}.weight`);
    const changed = weight.add(down.matMul(up).mul(0.7));
    const norms = (w: tf.Tensor) => w.square().sum(0).sqrt();
    const rescaled = changed.mul(norms(weight).add(delta).div(norms(changed)));
    const full: Interventions = [{ kind: 'weightDelta', path: linear, delta: rescaled.sub(weight) }];
    expect(await maxDifference(states(dora(down, up, delta)), states(full))).toBeLessThan(2e-5);
  });

  it('takes factors and magnitudes of each example', async () => {
    const [down, up, delta] = [random(batch, 32, 4), random(batch, 4, 64), random(batch, 64)];
    const of = (x: tf.Tensor, b: number) => row(x, b).squeeze([0]);
    await expectRows(dora(down, up, delta), (b) => dora(of(down, b), of(up, b), of(delta, b)));
    await expectRows(dora(of(down, 0), up, of(delta, 0)), (b) => dora(of(down, 0), of(up, b), of(delta, 0)));
  });

  it('takes the norm as a constant in the gradient', async () => {
    const [down, up, delta] = [random(32, 2), random(2, 64), random(64)];
    const weight = host.weight(`${linear}.weight`);
    const sum = (items: Interventions) => states(items).square().sum() as tf.Scalar;
    const changed = weight.add(down.matMul(up).mul(0.7));
    const scale = weight.square().sum(0).sqrt().add(delta).div(changed.square().sum(0).sqrt());
    // With the factor fixed, the low-rank delta enters as one of an output that is gated.
    const fixed = (u: tf.Tensor): Interventions => [
      { kind: 'lowRankDelta', path: linear, down, up: u, scale: 0.7 },
      { kind: 'weightScale', path: linear, scale },
    ];
    const ours = tf.grad((u) => sum(dora(down, u, delta)))(up);
    const expected = tf.grad((u) => sum(fixed(u)))(up);
    expect(await maxDifference(ours, expected)).toBeLessThan(1e-3 * (await expected.abs().max().data())[0]!);
  });
});

describe('gates of examples', () => {
  const gateOf = (values: readonly number[]) => () => tf.tensor1d([...values]);

  it('scale low-rank deltas', async () => {
    const [down, up] = [random(32, 2), random(2, 32)];
    const values = [0, 0.5, 2];
    const delta = { kind: 'lowRankDelta', path: query, down, up } as const;
    await expectRows([{ ...delta, scale: 1, gate: gateOf(values) }], (b) => [{ ...delta, scale: values[b]! }]);
  });

  it('scale keys and values of prefixes', async () => {
    const [keys, values] = [random(4, 3, 8), random(4, 3, 8)];
    const gates = [0.25, 1, 3];
    const prefix = { kind: 'keyValuePrefix', path: attention, positions: 'none' } as const;
    await expectRows([{ ...prefix, keys, values, gate: gateOf(gates) }], (b) => [
      { ...prefix, keys: keys.mul(gates[b]!), values: values.mul(gates[b]!) },
    ]);
  });

  it('see the input and the mask of the text, virtual tokens among it', async () => {
    const seen: [number[], number[]][] = [];
    const masks: tf.Tensor[] = [];
    const gate = (input: tf.Tensor, mask: tf.Tensor2D) => {
      seen.push([input.shape, mask.shape]);
      masks.push(tf.keep(mask.clone()));
      return tf.ones([batch]) as tf.Tensor1D;
    };
    states([
      { kind: 'tokenPrefix', embeddings: random(2, 32) },
      { kind: 'lowRankDelta', path: linear, down: random(32, 1), up: random(1, 64), scale: 1, gate },
    ]);
    expect(seen).toEqual([
      [
        [batch, 9, 32],
        [batch, 9],
      ],
    ]);
    expect([...(await masks[0]!.data())].slice(-9)).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 0]);
    tf.dispose(masks);
  });
});

describe('dropout of low-rank deltas', () => {
  it('acts in training alone, differently for two deltas at one place', async () => {
    const [down, up] = [random(32, 2), random(2, 32)];
    const delta = { kind: 'lowRankDelta', path: query, down, up, scale: 1 } as const;
    const run = (mode: 'train' | 'sample', dropout: number) =>
      host.forward(someInputs(batch), [{ ...delta, dropout }], { ...evaluationContext(host.spec, batch), mode })
        .lastHiddenState;
    expect(await maxDifference(run('sample', 0.5), run('sample', 0))).toBe(0);
    expect(await maxDifference(run('train', 0.5), run('train', 0))).toBeGreaterThan(1e-3);
    expect(await maxDifference(run('train', 0.5), run('train', 0.5))).toBe(0);
  });
});

describe('a weight scale of single entries', () => {
  const scale = { kind: 'weightScale', path: query, scale: tf.ones([32, 32]) } as const;
  const delta = () =>
    ({ kind: 'lowRankDelta', path: query, down: random(32, 2), up: random(2, 32), scale: 1 }) as const;

  it('takes low-rank deltas of the whole batch', async () => {
    const plain = delta();
    expect(await maxDifference(states([scale, plain]), states([plain]))).toBeLessThan(1e-5);
  });

  it('refuses what differs between examples, rather than dropping it', () => {
    const conflict = expect.objectContaining({ code: 'INTERVENTIONS_CONFLICT' });
    const gate = () => tf.ones([batch]) as tf.Tensor1D;
    expect(() => states([scale, { ...delta(), gate }])).toThrow(conflict);
    expect(() => states([scale, { ...delta(), up: random(batch, 2, 32) }])).toThrow(conflict);
    const shared = { kind: 'weightDelta', path: query, delta: random(32, 32), shares: tf.ones([batch]) } as const;
    expect(() => states([scale, shared as never])).toThrow(conflict);
    // The norms of columns that magnitudes scale would be those of another weight.
    const magnitude = { kind: 'weightMagnitude', path: query, delta: tf.zeros([32]) } as const;
    expect(() => states([magnitude as never, shared as never])).toThrow(conflict);
  });
});
