import {
  type Adapter,
  compose,
  head,
  type Host,
  initialValues,
  createStream,
  mergeAdapter,
  runAdapter,
  toParameters,
  sitesOfKind,
} from '@tfjs-peft/peft-core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { fixedAdapter } from '../../test/fixed-method.js';
import { maxDifference, someInputs } from '../../test/test-hosts.js';
import { createRandomHost } from './create-random-host.js';

useTestBackend();

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
const stateOf = (on: Host, adapter: Adapter) => tf.tidy(() => runAdapter(on, adapter, someInputs(3)).lastHiddenState);
const nothing = (on: Host): Adapter => ({
  method: compose(),
  effective: new Map(),
  hostFingerprint: on.spec.fingerprint,
});

const kinds: readonly [string, (on: Host) => Adapter][] = [
  [
    'lowRankDelta',
    (on) =>
      fixedAdapter(on, 'low', { down: random(32, 3), up: random(3, 32) }, ({ down, up }) => ({
        kind: 'lowRankDelta',
        path: query,
        down: down!,
        up: up!,
        scale: 1.5,
      })),
  ],
  [
    'lowRankDelta of a table',
    (on) =>
      fixedAdapter(on, 'table', { down: random(100, 2), up: random(2, 32) }, ({ down, up }) => ({
        kind: 'lowRankDelta',
        path: words,
        down: down!,
        up: up!,
        scale: 2,
      })),
  ],
  [
    'weightDelta',
    (on) =>
      fixedAdapter(on, 'dense', { delta: random(32, 64) }, ({ delta }) => ({
        kind: 'weightDelta',
        path: `${linear}.weight`,
        delta: delta!,
      })),
  ],
  [
    'weightDelta of a norm',
    (on) =>
      fixedAdapter(on, 'norm', { delta: random(32) }, ({ delta }) => ({
        kind: 'weightDelta',
        path: norm,
        delta: delta!,
      })),
  ],
  [
    'biasDelta',
    (on) =>
      fixedAdapter(on, 'bias', { delta: random(64) }, ({ delta }) => ({
        kind: 'biasDelta',
        path: linear,
        delta: delta!,
      })),
  ],
  [
    'weightScale',
    (on) =>
      fixedAdapter(on, 'scale', { scale: nearOne(32, 64) }, ({ scale }) => ({
        kind: 'weightScale',
        path: linear,
        scale: scale!,
      })),
  ],
  [
    'inputGate',
    (on) =>
      fixedAdapter(on, 'input', { gate: nearOne(32) }, ({ gate }) => ({
        kind: 'inputGate',
        path: linear,
        gate: gate!,
      })),
  ],
  [
    'outputGate',
    (on) =>
      fixedAdapter(on, 'output', { gate: nearOne(64) }, ({ gate }) => ({
        kind: 'outputGate',
        path: linear,
        gate: gate!,
      })),
  ],
  [
    'weightMagnitude',
    (on) =>
      fixedAdapter(on, 'magnitude', { delta: random(64) }, ({ delta }) => ({
        kind: 'weightMagnitude',
        path: linear,
        delta: delta!,
      })),
  ],
];

const composed = (on: Host, ...adapters: readonly Adapter[]): Adapter => ({
  method: compose(...adapters.map(({ method }) => method)),
  effective: new Map(adapters.flatMap(({ effective }) => [...effective])),
  hostFingerprint: on.spec.fingerprint,
});

describe('mergeAdapter', () => {
  it.each([...kinds, ['all kinds at once', (on: Host) => composed(on, ...kinds.map(([, make]) => make(on)))] as const])(
    '%s: the merged host computes what host and adapter do',
    async (_, make) => {
      const adapter = make(host);
      const expected = stateOf(host, adapter);
      expect(await maxDifference(expected, stateOf(host, nothing(host)))).toBeGreaterThan(1e-2);
      const merged = await mergeAdapter(host, adapter);
      expect(merged.rest).toBeNull();
      expect(await maxDifference(stateOf(merged.host, nothing(merged.host)), expected)).toBeLessThan(2e-5);
      merged.host.dispose();
    },
  );

  it('leaves the base as it was, to the bit, and gives the merged host a fingerprint of its own', async () => {
    const before = await stateOf(host, nothing(host)).data();
    const values = async () =>
      Promise.all(sitesOfKind(host.spec, 'tensor').map(async ({ path }) => [path, await host.weight(path).data()]));
    const weights = await values();
    const [, make] = kinds[0]!;
    const adapter = make(host);
    const merged = await mergeAdapter(host, adapter);
    expect(merged.host.spec.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(merged.host.spec.fingerprint).not.toBe(host.spec.fingerprint);
    const again = await mergeAdapter(host, adapter);
    expect(again.host.spec.fingerprint).toBe(merged.host.spec.fingerprint);
    merged.host.dispose();
    again.host.dispose();
    expect(merged.base).toBe(host);
    expect(await stateOf(merged.base, nothing(host)).data()).toEqual(before);
    expect(await values()).toEqual(weights);
  });

  it('keeps the head, and with rest "keep" also what no weight can hold', async () => {
    const method = head({ labels: ['a', 'b'], readout: 'mean' });
    const headAdapter: Adapter = {
      method,
      effective: toParameters(initialValues(method.plan(host.spec), createStream(3))),
      hostFingerprint: host.spec.fingerprint,
    };
    const prefix = fixedAdapter(host, 'prefix', { keys: random(4, 3, 8), values: random(4, 3, 8) }, (own) => ({
      kind: 'keyValuePrefix',
      path: 'encoder.layer.0.attention.self',
      keys: own['keys']!,
      values: own['values']!,
      positions: 'none',
    }));
    const whole = composed(host, kinds[0]![1](host), headAdapter, prefix);
    await expect(mergeAdapter(host, whole)).rejects.toMatchObject({
      code: 'NOT_MERGEABLE',
      message: expect.stringMatching(/PREFIX.*keyValuePrefix/),
    });
    const { host: merged, rest } = await mergeAdapter(host, whole, { rest: 'keep' });
    expect(rest!.method.namespaces).toEqual(['head', 'prefix']);
    const expected = runAdapter(host, whole, someInputs(3)).logits!;
    expect(await maxDifference(runAdapter(merged, rest!, someInputs(3)).logits!, expected)).toBeLessThan(2e-5);
    merged.dispose();
  });

  it('refuses to merge a gate of a place where something stays, which the gate acts on as well', async () => {
    const square = (at: string) =>
      fixedAdapter(host, 'square', { factor: random(1) }, ({ factor }) => ({
        kind: 'activationDelta',
        path: at,
        apply: (x) => x.square().mul(factor!),
      }));
    const gate = fixedAdapter(host, 'gate', { gate: nearOne(32) }, (own) => ({
      kind: 'outputGate',
      path: query,
      gate: own['gate']!,
    }));
    const before = tf.memory().numTensors;
    const together = composed(host, gate, square(query));
    await expect(mergeAdapter(host, together, { rest: 'keep' })).rejects.toMatchObject({
      code: 'NOT_MERGEABLE',
      message: expect.stringMatching(/outputGate, which also acts on the activationDelta that stays/),
    });
    expect(tf.memory().numTensors).toBe(before + 1);
    const apart = composed(host, gate, square('encoder.layer.0.attention.self.value'));
    const { host: merged, rest } = await mergeAdapter(host, apart, { rest: 'keep' });
    expect(await maxDifference(stateOf(merged, rest!), stateOf(host, apart))).toBeLessThan(2e-5);
    merged.dispose();
  });

  it.each(['weightScale', 'weightMagnitude'] as const)(
    'adds a matrix of states after the %s of its place, and a scale goes in beside states that stay',
    async (kind) => {
      const added = (matrix: boolean) =>
        fixedAdapter(host, 'added', { matrix: random(32, 32) }, ({ matrix: own }) => ({
          ...{ kind: 'activationDelta', path: query, perToken: true },
          apply: (x: tf.Tensor) => x.reshape([-1, 32]).matMul(own!).reshape(x.shape),
          ...(matrix && { matrix: () => own! }),
        }));
      const scaled = fixedAdapter(
        host,
        'scaled',
        { values: kind === 'weightScale' ? nearOne(32) : random(32) },
        (own) =>
          kind === 'weightScale'
            ? { kind, path: query, scale: own['values']! }
            : { kind, path: query, delta: own['values'] as tf.Tensor1D },
      );
      for (const whole of [composed(host, added(true), scaled), composed(host, scaled, added(false))]) {
        const expected = stateOf(host, whole);
        const { host: merged, rest } = await mergeAdapter(host, whole, { rest: 'keep' });
        expect(await maxDifference(stateOf(merged, rest ?? nothing(merged)), expected)).toBeLessThan(2e-5);
        merged.dispose();
      }
    },
  );

  it('refuses an adapter of another host and deltas with gates', async () => {
    const adapter = kinds[0]![1](host);
    await expect(mergeAdapter(host, { ...adapter, hostFingerprint: 'other' })).rejects.toMatchObject({
      code: 'ADAPTER_FOR_ANOTHER_HOST',
    });
    const gated = fixedAdapter(host, 'gated', { down: random(32, 1), up: random(1, 32) }, ({ down, up }) => ({
      kind: 'lowRankDelta',
      path: query,
      down: down!,
      up: up!,
      scale: 1,
      gate: (x) => x.mean([1, 2]) as tf.Tensor1D,
    }));
    await expect(mergeAdapter(host, gated)).rejects.toMatchObject({ code: 'NOT_MERGEABLE' });
  });

  it('leaks nothing, also where a method makes tensors on the way or cannot be merged', async () => {
    const making = fixedAdapter(host, 'making', { delta: random(64) }, ({ delta }) => ({
      kind: 'biasDelta',
      path: linear,
      delta: delta!.mul(2),
    }));
    const adapter = composed(host, making, ...kinds.map(([, make]) => make(host)));
    const prompt = fixedAdapter(host, 'prompt', { rows: random(2, 32) }, ({ rows }) => ({
      kind: 'tokenPrefix',
      embeddings: rows!.mul(2),
    }));
    const once = async () => {
      const merged = await mergeAdapter(host, adapter);
      stateOf(merged.host, nothing(merged.host)).dispose();
      merged.host.dispose();
      await expect(mergeAdapter(host, composed(host, adapter, prompt))).rejects.toThrow();
    };
    await once();
    const before = tf.memory().numTensors;
    await once();
    expect(tf.memory().numTensors).toBe(before);
  });
});
