import { evaluationContext, type Host } from '@tfjs-peft/peft-core';
import type { Intervention, Interventions } from '@tfjs-peft/peft-core/interventions';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { someInputs } from '../../test/test-hosts.js';
import { createRandomHost } from '../encoder/create-random-host.js';

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

const hiddenStates = (interventions: Interventions) =>
  host.forward(someInputs(), interventions, evaluationContext(host.spec, 3)).lastHiddenState;

describe('bad interventions', () => {
  const run = (intervention: Intervention) => () => hiddenStates([intervention]);
  const unknown = (path: string, hint: string) =>
    expect.objectContaining({
      code: 'INTERVENTION_PATH_UNKNOWN',
      message: expect.stringMatching(new RegExp(`${path}.*${hint}`)),
    });
  const misshapen = (text: string) =>
    expect.objectContaining({ code: 'INTERVENTION_MISSHAPEN', message: expect.stringContaining(text) });

  it('name places that the host does not have', () => {
    const gate = tf.ones([32]);
    const near = 'encoder.layer.0.attention.self.querry';
    expect(run({ kind: 'outputGate', path: near, gate })).toThrow(unknown(near, query));
    expect(run({ kind: 'biasDelta', path: `${query}.weight`, delta: gate })).toThrow(unknown('query', 'query'));
    expect(run({ kind: 'activationDelta', path: 'encoder.layer.2.output.dense', apply: (x) => x })).toThrow(
      unknown('layer.2', 'layer.1'),
    );
    expect(run({ kind: 'sublayerAdapter', path: linear, placement: 'parallel', apply: (x) => x })).toThrow(
      unknown('dense', 'output'),
    );
    const keys = tf.ones([4, 1, 8]);
    expect(run({ kind: 'keyValuePrefix', path: query, keys, values: keys, positions: 'none' })).toThrow(
      unknown('query', 'self'),
    );
    expect(run({ kind: 'weightDelta', path: 'classifier', delta: gate })).toThrow(unknown('classifier', ''));
    expect(run({ kind: 'weightScale', path: 'x', scale: gate })).toThrow(unknown('x', ''));
    expect(run({ kind: 'lowRankDelta', path: norm, down: gate, up: gate, scale: 1 })).toThrow(unknown('LayerNorm', ''));
  });

  it('have other shapes than the place', () => {
    const ones = (...shape: number[]) => tf.ones(shape);
    expect(run({ kind: 'outputGate', path: linear, gate: ones(32) })).toThrow(misshapen('[64] or [3, 64]'));
    expect(run({ kind: 'inputGate', path: linear, gate: ones(2, 32) })).toThrow(misshapen('[32] or [3, 32]'));
    expect(run({ kind: 'lowRankDelta', path: linear, down: ones(32, 2), up: ones(3, 64), scale: 1 })).toThrow(
      misshapen('up has shape [3, 64]'),
    );
    expect(run({ kind: 'lowRankDelta', path: words, down: ones(3, 100, 2), up: ones(2, 32), scale: 1 })).toThrow(
      misshapen('down'),
    );
    expect(run({ kind: 'weightDelta', path: linear, delta: ones(3, 32, 64) })).toThrow(misshapen('[32, 64]'));
    expect(run({ kind: 'weightScale', path: linear, scale: ones(32) })).toThrow(misshapen('broadcasts over [32, 64]'));
    expect(run({ kind: 'biasDelta', path: linear, delta: ones(32) })).toThrow(misshapen('[64]'));
    const path = 'encoder.layer.0.attention.self';
    const prefix = (keys: tf.Tensor, values: tf.Tensor) =>
      run({ kind: 'keyValuePrefix', path, keys, values, positions: 'none' });
    expect(prefix(ones(4, 2, 9), ones(4, 2, 8))).toThrow(misshapen('keys'));
    expect(prefix(ones(4, 2, 8), ones(4, 3, 8))).toThrow(misshapen('values'));
    expect(run({ kind: 'tokenPrefix', embeddings: ones(2, 31) })).toThrow(misshapen('tokenPrefix: embeddings'));
    const readout = (weight: tf.Tensor, bias: tf.Tensor) =>
      run({ kind: 'readout', readout: 'cls', weight, bias, dropout: 0 });
    expect(readout(ones(2, 31), ones(2))).toThrow(misshapen('weight'));
    expect(readout(ones(2, 32), ones(3))).toThrow(misshapen('bias'));
  });

  it('are two heads at once', () => {
    const head: Intervention = {
      kind: 'readout',
      readout: 'cls',
      weight: tf.ones([2, 32]),
      bias: tf.ones([2]),
      dropout: 0,
    };
    expect(() => hiddenStates([head, head])).toThrow(expect.objectContaining({ code: 'READOUT_AMBIGUOUS' }));
  });
});
