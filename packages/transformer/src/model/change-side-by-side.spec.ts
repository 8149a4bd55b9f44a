import { evaluationContext, type Host } from '@tfjs-peft/peft-core';
import type { Intervention, Interventions } from '@tfjs-peft/peft-core/interventions';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference, someInputs } from '../../test/test-hosts.js';
import { createRandomHost } from '../encoder/create-random-host.js';

useTestBackend();

const batch = 3;
const maps = ['query', 'key', 'value'].map((map) => `encoder.layer.0.attention.self.${map}`);
const [query, key, value] = maps as [string, string, string];

let host: Host;
beforeAll(async () => {
  host = await createRandomHost();
});
afterAll(() => host.dispose());

let seed = 0;
const random = (...shape: number[]) => tf.randomNormal(shape, 0, 0.3, 'float32', ++seed);
const lowRank = (path: string, ...lead: number[]): Intervention => ({
  kind: 'lowRankDelta',
  path,
  down: random(...lead, 32, 2),
  up: random(...lead, 2, 32),
  scale: 1.5,
});
const dynamic = (path: string, ...lead: number[]): Intervention => ({
  kind: 'dynamicLowRankDelta',
  path,
  down: random(...lead, 32, 2),
  core: random(...lead, 32, 4),
  up: random(...lead, 2, 32),
});
const bias = (path: string, ...lead: number[]): Intervention => ({
  kind: 'biasDelta',
  path,
  delta: random(...lead, 32),
});
const gate = (path: string, ...lead: number[]): Intervention => ({
  kind: 'outputGate',
  path,
  gate: random(...lead, 32).add(1),
});
/** Changes nothing, but has to be computed for one map alone. */
const alone: Interventions = maps.map((path) => ({ kind: 'activationDelta', path, apply: (x) => tf.zerosLike(x) }));

describe('what acts on queries, keys and values', () => {
  it.each<[string, () => Interventions]>([
    ['low-rank deltas of one', () => [lowRank(value)]],
    ['low-rank deltas of two, several at one', () => [lowRank(query), lowRank(value), lowRank(query)]],
    ['low-rank deltas for each example', () => [lowRank(query, batch), lowRank(key, batch)]],
    ['low-rank deltas with and without a batch axis', () => [lowRank(query), lowRank(key, batch)]],
    ['dynamic low-rank deltas beside others', () => [dynamic(value), lowRank(value), dynamic(query), bias(query)]],
    ['dynamic low-rank deltas for each example', () => [dynamic(value, batch), lowRank(query)]],
    ['biases', () => [bias(query), bias(value), bias(value)]],
    ['a bias for each example beside a common one', () => [bias(query, batch), bias(value)]],
    ['gates', () => [gate(key), gate(value), gate(value)]],
    ['a gate for each example beside a common one', () => [gate(key), gate(value, batch)]],
    ['all of them', () => [gate(key), lowRank(key), bias(key), lowRank(query, batch), gate(value, batch), bias(value)]],
  ])('%s: the same side by side and one after the other', async (_title, make) => {
    const interventions = make();
    const context = evaluationContext(host.spec, batch);
    const run = (items: Interventions) => host.forward(someInputs(batch), items, context).lastHiddenState;
    const together = run(interventions);
    const apart = run([...interventions, ...alone]);
    expect(await maxDifference(together, apart)).toBeLessThan(1e-5);
    expect(await maxDifference(together, run([]))).toBeGreaterThan(1e-3);
    const gradients = (items: (at: tf.Tensor) => Interventions) =>
      tf.grad((at: tf.Tensor) => run(items(at)).square().sum())(tf.zeros([32]));
    const shifted = (at: tf.Tensor): Interventions => [{ kind: 'biasDelta', path: query, delta: at }, ...interventions];
    const [found, expected] = [gradients(shifted), gradients((at) => [...shifted(at), ...alone])];
    const size = (await expected.abs().max().data())[0]!;
    expect(await maxDifference(found, expected)).toBeLessThan(1e-4 * Math.max(1, size));
  });
});
