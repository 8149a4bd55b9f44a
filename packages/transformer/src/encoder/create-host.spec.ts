import { evaluationContext, type Host, type HostInputs, sitesOfKind } from '@tfjs-peft/peft-core';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import {
  hasShared,
  hostFrom,
  maxDifference,
  minilmFolder,
  readGolden,
  readJson,
  sharedFolder,
  someInputs,
  tinyClassifier,
  tinyFolder,
} from '../../test/test-hosts.js';
import { createRandomHost } from './create-random-host.js';

useTestBackend();

/** Largest difference to HF transformers, as promised. */
const tolerance = 2e-5;

async function expectGolden(host: Host, name: string) {
  const golden = await readGolden(name);
  for (const text of ['single', 'pairs']) {
    const at = (key: string) => golden.get(`${text}.${key}`)!;
    const inputs = {
      inputIds: at('input_ids') as tf.Tensor2D,
      attentionMask: at('attention_mask') as tf.Tensor2D,
      tokenTypeIds: at('token_type_ids') as tf.Tensor2D,
    };
    const context = evaluationContext(host.spec, inputs.inputIds.shape[0]);
    const { lastHiddenState } = host.forward(inputs, [], context);
    // At padding, which nothing reads, MiniLM amplifies rounding: HF's own float32 is 2e-5 off its float64 there, and 3e-6 at text.
    const isText = inputs.attentionMask.toFloat().expandDims(2);
    const difference = await maxDifference(lastHiddenState.mul(isText), at('last_hidden_state').mul(isText));
    expect(difference).toBeLessThan(tolerance);
    if (!golden.has(`${text}.pooled`)) continue;
    const pooled = host.readOut(lastHiddenState, inputs.attentionMask, 'pooler');
    expect(await maxDifference(pooled, at('pooled'))).toBeLessThan(tolerance);
  }
  return golden;
}

describe('parity with HF transformers', () => {
  it('the tiny BERT: hidden states, pooled outputs, logits, with padding and pairs', async () => {
    const host = await hostFrom(tinyFolder);
    const golden = await expectGolden(host, 'tiny-bert');
    const classifier = await tinyClassifier();
    for (const text of ['single', 'pairs']) {
      const at = (key: string) => golden.get(`${text}.${key}`) as tf.Tensor2D;
      const inputs = {
        inputIds: at('input_ids'),
        attentionMask: at('attention_mask'),
        tokenTypeIds: at('token_type_ids'),
      };
      const context = evaluationContext(host.spec, inputs.inputIds.shape[0]);
      const { logits } = host.forward(inputs, [classifier], context);
      expect(await maxDifference(logits!, at('logits'))).toBeLessThan(1e-5);
    }
    host.dispose();
  });

  it('the tiny BERT without token types', async () => {
    const host = await hostFrom(tinyFolder);
    const expected = await readJson(new URL('expected.json', tinyFolder));
    const inputs = {
      inputIds: tf.tensor2d(expected.input_ids, undefined, 'int32'),
      attentionMask: tf.tensor2d(expected.attention_mask, undefined, 'int32'),
    };
    const { logits } = host.forward(inputs, [await tinyClassifier()], evaluationContext(host.spec, 3));
    expect(await maxDifference(logits!, tf.tensor2d(expected.base_logits))).toBeLessThan(1e-5);
    host.dispose();
  });

  it('MiniLM: 6 layers, F16 weights', async () => {
    const host = await hostFrom(minilmFolder);
    await expectGolden(host, 'minilm');
    host.dispose();
  });

  (hasShared('models/bge-small-en-v1.5/') ? it : it.skip)(
    'bge-small: 12 layers, no pooler',
    async () => {
      const host = await hostFrom(new URL('models/bge-small-en-v1.5/', sharedFolder));
      expect(host.spec.defaultReadout).toBe('cls');
      expect(sitesOfKind(host.spec, 'readout')[0]!.readouts).toEqual(['cls', 'mean']);
      await expectGolden(host, 'bge-small');
      host.dispose();
    },
    60_000,
  );
});

describe('a host', () => {
  it('lists sites with unique paths in each kind and every tensor', async () => {
    const { spec, dispose } = await createRandomHost({ numHiddenLayers: 2 });
    for (const kind of ['embeddings', 'linear', 'attention', 'sublayer', 'hidden', 'tensor', 'readout'] as const) {
      const paths = sitesOfKind(spec, kind).map(({ path }) => path);
      expect(paths.length).toBeGreaterThan(0);
      expect(new Set(paths).size).toBe(paths.length);
    }
    expect(sitesOfKind(spec, 'linear').map(({ path }) => path)).toEqual([
      ...[0, 1].flatMap((layer) =>
        [
          'attention.self.query',
          'attention.self.key',
          'attention.self.value',
          'attention.output.dense',
          'intermediate.dense',
          'output.dense',
        ].map((name) => `encoder.layer.${layer}.${name}`),
      ),
      'pooler.dense',
    ]);
    expect(sitesOfKind(spec, 'tensor')).toHaveLength(5 + 2 * 16 + 2);
    dispose();
  });

  it('gives its tensors by path, weights of affine maps as [input, output]', async () => {
    const host = await createRandomHost();
    for (const { path, shape } of sitesOfKind(host.spec, 'tensor')) expect(host.weight(path).shape).toEqual(shape);
    expect(host.weight('encoder.layer.1.intermediate.dense.weight').shape).toEqual([32, 64]);
    expect(() => host.weight('encoder.layer.0.attention.self.querry.weight')).toThrow(
      expect.objectContaining({
        code: 'TENSOR_MISSING',
        message: expect.stringContaining('encoder.layer.0.attention.self.query.weight'),
      }),
    );
    host.dispose();
  });

  it('gives the same bits twice, and the same bits after it was asked for single weights', async () => {
    const host = await createRandomHost();
    const inputs = someInputs();
    const run = () => host.forward(inputs, [], evaluationContext(host.spec, 3)).lastHiddenState.data();
    const first = await run();
    host.weight('encoder.layer.0.attention.self.key.weight');
    expect(await run()).toEqual(first);
    host.dispose();
  });

  it('does not depend on padding or on the other rows', async () => {
    const host = await createRandomHost();
    const { inputIds, attentionMask, tokenTypeIds } = someInputs(3, 7);
    const batch = host.forward({ inputIds, attentionMask, tokenTypeIds }, [], evaluationContext(host.spec, 3));
    const cut = (x: tf.Tensor2D) => x.slice([2, 0], [1, 5]);
    const alone = host.forward(
      { inputIds: cut(inputIds), attentionMask: cut(attentionMask), tokenTypeIds: cut(tokenTypeIds) },
      [],
      evaluationContext(host.spec, 1),
    );
    const rows = batch.lastHiddenState.slice([2, 0, 0], [1, 5, 32]);
    expect(await maxDifference(rows, alone.lastHiddenState)).toBeLessThan(1e-5);
    host.dispose();
  });

  it('reads out the first token, its pooler, or the mean over text', async () => {
    const host = await createRandomHost();
    const hidden = tf.randomNormal<tf.Rank.R3>([2, 4, 32], 0, 1, 'float32', 1);
    const mask = tf.tensor2d([1, 1, 1, 1, 1, 1, 0, 0], [2, 4], 'int32');
    const first = hidden.slice([0, 0, 0], [2, 1, 32]).reshape([2, 32]);
    expect(await maxDifference(host.readOut(hidden, mask, 'cls'), first)).toBe(0);
    const pooled = first.matMul(host.weight('pooler.dense.weight')).add(host.weight('pooler.dense.bias')).tanh();
    expect(await maxDifference(host.readOut(hidden, mask, 'pooler'), pooled)).toBeLessThan(1e-6);
    const means = tf.stack(
      [hidden.slice([0, 0, 0], [1, 4, 32]), hidden.slice([1, 0, 0], [1, 2, 32])].map((rows) => rows.mean([0, 1])),
    );
    expect(await maxDifference(host.readOut(hidden, mask, 'mean'), means)).toBeLessThan(1e-6);
    host.dispose();
  });

  it('leaves no tensors behind', async () => {
    const before = tf.memory().numTensors;
    const host = await createRandomHost();
    const inputs = someInputs();
    const run = () => host.forward(inputs, [], evaluationContext(host.spec, 3)).lastHiddenState.dispose();
    run();
    const between = tf.memory().numTensors;
    run();
    run();
    expect(tf.memory().numTensors).toBe(between);
    host.dispose();
    tf.dispose(Object.values(inputs));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses to work after it was disposed', async () => {
    const host = await createRandomHost();
    host.dispose();
    expect(() => host.forward(someInputs(), [], evaluationContext(host.spec, 3))).toThrow(
      expect.objectContaining({ code: 'HOST_DISPOSED' }),
    );
  });

  it('refuses inputs that are no batch', async () => {
    const host = await createRandomHost();
    const { inputIds, attentionMask } = someInputs();
    const context = evaluationContext(host.spec, 3);
    const wrong = [
      { inputIds, attentionMask: attentionMask.slice([0, 0], [2, -1]) },
      { inputIds: inputIds.toFloat(), attentionMask },
      { inputIds: inputIds.reshape([21]) as unknown as tf.Tensor2D, attentionMask },
      { inputIds, attentionMask, tokenTypeIds: inputIds.slice([0, 0], [-1, 3]) },
    ];
    for (const inputs of wrong)
      expect(() => host.forward(inputs as HostInputs, [], context)).toThrow(
        expect.objectContaining({ code: 'HOST_INPUTS_INVALID' }),
      );
    host.dispose();
  });

  it('refuses a text beyond its positions', async () => {
    const host = await createRandomHost({ maxPositionEmbeddings: 8 });
    expect(() => host.forward(someInputs(2, 9), [], evaluationContext(host.spec, 2))).toThrow(
      expect.objectContaining({ code: 'TEXT_TOO_LONG', message: expect.stringContaining('at most 8 tokens') }),
    );
    host.dispose();
  });
});

describe('pooled features', () => {
  it('are given with what a method changes at the pooler, and only then', async () => {
    const host = await hostFrom(tinyFolder);
    const inputs = someInputs();
    const context = evaluationContext(host.spec, inputs.inputIds.shape[0]);
    const path = sitesOfKind(host.spec, 'linear').find(({ role }) => role === 'pooler')!.path;
    const kernel = host.weight(`${path}.weight`);
    const delta = tf.randomNormal(kernel.shape as [number, number], 0, 0.1, 'float32', 5);
    const change = { kind: 'weightDelta', path, delta } as const;
    const features = (of: Host, states: tf.Tensor3D) => of.readOut(states, inputs.attentionMask, 'pooler');
    const changed = await host.withWeights(new Map([[`${path}.weight`, kernel.add(delta)]]));
    const { lastHiddenState, pooled } = host.forward(inputs, [change], context);
    expect(await maxDifference(pooled!, features(changed, lastHiddenState))).toBeLessThan(1e-6);
    expect(await maxDifference(pooled!, features(host, lastHiddenState))).toBeGreaterThan(1e-2);
    const size = pooled!.shape[1]!;
    const [weight, bias] = [tf.eye(size), tf.zeros([size]) as tf.Tensor1D];
    const head = { kind: 'readout', readout: 'pooler', weight, bias, dropout: 0 } as const;
    const both = host.forward(inputs, [change, head], context);
    expect(await maxDifference(both.pooled!, both.logits!)).toBe(0);
    expect(host.forward(inputs, [head], context)).not.toHaveProperty('pooled');
    changed.dispose();
    host.dispose();
  });
});
