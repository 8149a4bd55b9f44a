import { servesRole } from '@tfjs-peft/peft-core/authoring';
import { type Context, createStream, type Site, sitesOfKind, substream } from '@tfjs-peft/peft-core';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { expectGradient } from '../../test/expect-gradient.js';
import { someInputs } from '../../test/test-hosts.js';
import type { EncoderHost } from '../encoder/create-host.js';
import { createRandomHost } from '../encoder/create-random-host.js';

useTestBackend();

const batch = 2;
const sizes = {
  hiddenSize: 8,
  numAttentionHeads: 2,
  intermediateSize: 12,
  vocabSize: 20,
  maxPositionEmbeddings: 16,
  dropout: 0.1,
};

// XLM-RoBERTa and CamemBERT compute as RoBERTa does; BERT has gradients.spec.ts.
describe.each(['roberta', 'distilbert', 'electra', 'mpnet', 'albert', 'deberta-v2', 'modernbert'] as const)(
  'gradients agree with central finite differences: %s',
  (modelType) => {
    let host: EncoderHost;
    beforeAll(async () => {
      host = await createRandomHost({ ...sizes, modelType }, 3);
    });
    afterAll(() => host.dispose());

    // Narrow embeddings are twelve wide in random hosts.
    const width = ['electra', 'albert'].includes(modelType) ? 12 : 8;
    const linear = (role: Extract<Site, { kind: 'linear' }>['role']) =>
      sitesOfKind(host.spec, 'linear').find((site) => servesRole(site, role!) && site.layer === 0)!;
    // One map of queries, keys and values is three times as wide, that of a gated network twice.
    const [wide, inner] = modelType === 'modernbert' ? [24, 24] : [8, 12];
    const sublayer = (place: 'attention' | 'feedForward') =>
      sitesOfKind(host.spec, 'sublayer').find((site) => site.place === place && site.layer === 0)!;
    const prefix = (keys: tf.Tensor, values: tf.Tensor, positions: 'none' | 'shift'): Intervention => ({
      kind: 'keyValuePrefix',
      path: sitesOfKind(host.spec, 'attention')[0]!.path,
      keys,
      values,
      positions,
    });

    const cases: Record<string, readonly [(readonly number[])[], (...tensors: tf.Tensor[]) => Intervention[]]> = {
      'key/value prefix, one an example, shifted': [
        [
          [batch, 2, 3, 4],
          [batch, 2, 3, 4],
        ],
        (keys, values) => [prefix(keys!, values!, 'shift')],
      ],
      'low-rank deltas of query and value': [
        [
          [8, 2],
          [2, wide],
        ],
        (down, up) =>
          (['query', 'value'] as const).map((role) => ({
            kind: 'lowRankDelta',
            path: linear(role).path,
            down: down!,
            up: up!,
            scale: 0.5,
          })),
      ],
      gates: [
        [[wide], [batch, inner], [12]],
        (key, expanded, input) => [
          { kind: 'outputGate', path: linear('key').path, gate: key! },
          { kind: 'outputGate', path: linear('feedForwardIn').path, gate: expanded! },
          { kind: 'inputGate', path: linear('feedForwardOut').path, gate: input! },
        ],
      ],
      'sublayer adapters': [
        [[8], [8]],
        (sequential, parallel) => [
          {
            kind: 'sublayerAdapter',
            path: sublayer('attention').path,
            placement: 'sequential',
            apply: (x) => x.mul(sequential!),
          },
          {
            kind: 'sublayerAdapter',
            path: sublayer('feedForward').path,
            placement: 'parallel',
            apply: (x) => x.mul(parallel!),
          },
        ],
      ],
      'low-rank deltas of query and key, one an example': [
        [
          [batch, 8, 2],
          [batch, 2, wide],
        ],
        (down, up) =>
          (['query', 'key'] as const).map((role) => ({
            kind: 'lowRankDelta',
            path: linear(role).path,
            down: down!,
            up: up!,
            scale: 0.5,
          })),
      ],
      'token prefix, one an example': [
        [[batch, 2, width]],
        (embeddings) => [{ kind: 'tokenPrefix', embeddings: embeddings! }],
      ],
    };

    const weight = () => tf.randomNormal([3, 8], 0, 0.7, 'float32', 77);
    const context = (): Context => ({
      mode: 'train',
      host: host.spec,
      batchSize: batch,
      streams: { dropout: substream(createStream(9), 'dropout'), draws: createStream(0) },
    });
    function loss(interventions: Intervention[], headWeight: tf.Tensor): tf.Scalar {
      const bias = tf.tensor1d([0.1, -0.2, 0.3]);
      const head: Intervention = { kind: 'readout', readout: 'mean', weight: headWeight, bias, dropout: 0.1 };
      const inputs = someInputs(batch, 5, 20, host.spec.padTokenId);
      const { logits } = host.forward(inputs, [...interventions, head], context());
      return logits!
        .sin()
        .mul(tf.tensor1d([1, -2, 3]))
        .mean();
    }

    it.each(Object.keys(cases))('%s', async (name) => {
      const [shapes, build] = cases[name]!;
      const headWeight = weight();
      await expectGradient(shapes, (...tensors) => loss(build(...tensors), headWeight));
    });

    it('all at once', async () => {
      const headWeight = weight();
      const others = Object.values(cases).slice(1);
      const shapes = [[2, 3, 4], [2, 3, 4], ...others.flatMap(([own]) => own)];
      await expectGradient(shapes, (keys, values, ...tensors) => {
        const left = [...tensors];
        const interventions = others.flatMap(([own, build]) => build(...left.splice(0, own.length)));
        return loss([prefix(keys!, values!, 'none'), ...interventions], headWeight);
      });
    });

    it('the last table, that of distances in families that have one', async () => {
      const { path, rows, size } = sitesOfKind(host.spec, 'table').at(-1)!;
      const headWeight = weight();
      await expectGradient([[rows, size]], (delta) => loss([{ kind: 'weightDelta', path, delta }], headWeight));
    });

    it('leaves no tensors behind', () => {
      const inputs = someInputs(batch, 5, 20, host.spec.padTokenId);
      const embeddings = tf.variable(tf.ones([2, width]));
      const step = () => {
        const { value, grads } = tf.tidy(() =>
          tf.variableGrads(
            () =>
              host
                .forward(inputs, [{ kind: 'tokenPrefix', embeddings }], context())
                .lastHiddenState.square()
                .mean() as tf.Scalar,
            [embeddings],
          ),
        );
        tf.dispose([value, ...Object.values(grads)]);
      };
      step();
      const before = tf.memory().numTensors;
      step();
      step();
      expect(tf.memory().numTensors).toBe(before);
    });
  },
);
