import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Adapter,
  compose,
  countParameters,
  createStream,
  evaluationContext,
  head,
  type Host,
  type HostSpec,
  initialValues,
  mergeAdapter,
  runAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { selectNamespaces } from '@tfjs-peft/peft-core/authoring';
import { createRandomDecoder, createRandomHost, openModelDirectory, readHostSpec } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { bitfit } from './bitfit.js';

useTestBackend();

let host: Host;
let miniLm: HostSpec;
beforeAll(async () => {
  host = await createRandomHost();
  const model = await openModelDirectory(fileURLToPath(new URL('../../minilm/model', import.meta.url)));
  miniLm = readHostSpec({ config: model.config, tensors: model.tensors, name: 'MiniLM' });
  await model.close();
});
afterAll(() => host.dispose());

const inputs = () => ({
  inputIds: tf.tensor2d([5, 6, 7, 8, 9, 10, 11, 0], [2, 4], 'int32'),
  attentionMask: tf.tensor2d([1, 1, 1, 1, 1, 1, 1, 0], [2, 4], 'int32'),
});
const distance = async (a: tf.Tensor, b: tf.Tensor) => (await a.sub(b).abs().max().data())[0]!;
const namesOf = (config: Parameters<typeof bitfit>[0], spec = miniLm) =>
  bitfit(config)
    .plan(spec)
    .raw.map(({ name }) => name);

describe('bitfit', () => {
  it('counts the biases of the layers, LayerNorms among them, or all of the host', () => {
    const count = (config: Parameters<typeof bitfit>[0]) => countParameters(bitfit(config).plan(miniLm)).trainable;
    expect(count({})).toBe(25_344);
    expect(count({ biases: 'all' })).toBe(25_344 + 2 * 384);
    expect(count({ biases: ['query', 'feedForwardIn'] })).toBe(6 * (384 + 1536));
    expect(count({ biases: ['norms', 'embeddingNorm'] })).toBe(13 * 384);
    expect(count({ biases: ['pooler', 'encoder.layer.5.output.LayerNorm'] })).toBe(2 * 384);
    expect(count({ biases: 'encoder\\.layer\\.[01]\\..*' })).toBe(25_344 / 3);
  });

  it('trains biases and nothing else, in the order of the forward pass', () => {
    const names = namesOf({ biases: 'all' });
    expect(names.every((name) => /^bitfit\.(embeddings|encoder|pooler)\.[\w.]+\.bias$/.test(name))).toBe(true);
    expect(names.slice(0, 3)).toEqual([
      'bitfit.embeddings.LayerNorm.bias',
      'bitfit.encoder.layer.0.attention.self.query.bias',
      'bitfit.encoder.layer.0.attention.self.key.bias',
    ]);
    expect(new Set(names).size).toBe(1 + 6 * 8 + 1);
    expect(namesOf({ biases: ['key', 'attention.self.key'] })).toHaveLength(6);
  });

  it.each(['roberta', 'distilbert'] as const)('finds the groups of %s', async (modelType) => {
    const other = await createRandomHost({ modelType });
    expect(namesOf({}, other.spec)).toHaveLength(2 * 8);
    const hasPooler = other.spec.sites.some((site) => site.kind === 'linear' && site.role === 'pooler');
    expect(namesOf({ biases: 'all' }, other.spec)).toHaveLength(2 * 8 + 1 + Number(hasPooler));
    if (!hasPooler)
      expect(() => namesOf({ biases: ['pooler'] }, other.spec)).toThrow(
        expect.objectContaining({ code: 'TARGET_UNMATCHED', message: expect.stringContaining('embeddingNorm') }),
      );
    other.dispose();
  });

  it('tells the norms outside the layers apart', async () => {
    const [gpt2, modernbert, deberta] = [
      await createRandomDecoder({}),
      await createRandomHost({ modelType: 'modernbert' }),
      await createRandomHost({ modelType: 'deberta-v2' }),
    ];
    const namesAt = (group: string, other: HostSpec) => namesOf({ biases: [group] }, other);
    expect(namesAt('finalNorm', gpt2.spec)).toEqual(['bitfit.ln_f.bias']);
    expect(namesAt('embeddingNorm', deberta.spec)).toEqual(['bitfit.embeddings.LayerNorm.bias']);
    expect(namesAt('distanceNorm', deberta.spec)).toEqual(['bitfit.encoder.LayerNorm.bias']);
    for (const [group, other] of [
      ['embeddingNorm', gpt2],
      ['distanceNorm', gpt2],
      ['finalNorm', deberta],
      ['distanceNorm', host],
    ] as const)
      expect(() => namesAt(group, other.spec)).toThrow(expect.objectContaining({ code: 'TARGET_UNMATCHED' }));
    const norms = modernbert.spec.sites.flatMap((site) =>
      site.kind === 'norm' && site.layer === undefined ? site : [],
    );
    expect(norms.map(({ path, place }) => [path, place])).toEqual([
      ['embeddings.norm', undefined],
      ['final_norm', 'final'],
    ]);
    for (const other of [gpt2, modernbert, deberta]) other.dispose();
  });

  it('gives the key bias no gradient, since softmax ignores what all scores of a query share', async () => {
    const method = compose(
      bitfit({ initialStandardDeviation: 0.1 }),
      head({ labels: ['a', 'b'], initialStandardDeviation: 1 }),
    );
    const effective = toParameters(initialValues(method.plan(host.spec), createStream(1)));
    const names = [...selectNamespaces(effective, ['bitfit']).keys()];
    const lossOf = (...biases: tf.Tensor[]) => {
      const changed = new Map([...effective, ...biases.map((bias, i) => [names[i]!, bias] as const)]);
      const context = evaluationContext(host.spec, 2);
      return host.forward(inputs(), method.intervene(changed, context), context).logits!.square().sum() as tf.Scalar;
    };
    const gradients = tf.grads(lossOf)(names.map((name) => effective.get(name)!));
    const norms = await Promise.all(gradients.map(async (gradient) => (await gradient.norm().data())[0]!));
    names.forEach((name, index) => {
      if (name.endsWith('.key.bias')) expect(norms[index]).toBeLessThan(1e-5);
      else expect(norms[index]).toBeGreaterThan(1e-2);
    });
  });

  it('merges into exactly b + Δb', async () => {
    const method = compose(bitfit({ biases: 'all', initialStandardDeviation: 0.3 }), head({ labels: ['a', 'b'] }));
    const effective = toParameters(initialValues(method.plan(host.spec), createStream(3)));
    const adapter: Adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
    const merged = await mergeAdapter(host, adapter);
    for (const path of ['encoder.layer.1.attention.output.LayerNorm', 'encoder.layer.0.intermediate.dense']) {
      const sum = host.weight(`${path}.bias`).add(effective.get(`bitfit.${path}.bias`)!);
      expect(await distance(merged.host.weight(`${path}.bias`), sum)).toBe(0);
      expect(merged.host.weight(`${path}.weight`)).toBe(host.weight(`${path}.weight`));
    }
    const before = runAdapter(host, adapter, inputs()).logits!;
    expect(await distance(runAdapter(merged.host, merged.rest!, inputs()).logits!, before)).toBeLessThan(1e-5);
    merged.host.dispose();
  });

  it('combines by the weighted sum of differences', () => {
    const member = (weight: number, ...delta: number[]) => ({
      method: bitfit(),
      effective: new Map([['bitfit.x.bias', { shape: [delta.length], data: Float32Array.from(delta) }]]),
      weight,
    });
    const combined = (...members: ReturnType<typeof member>[]) =>
      bitfit().combine!(members, {}, miniLm).effective.get('bitfit.x.bias')!.data;
    expect([...combined(member(0.5, 2, 4), member(-1, 1, 1))]).toEqual([0, 1]);
    const wider = member(1, 1);
    wider.effective.set('bitfit.y.bias', { shape: [1], data: new Float32Array(1) });
    const mismatch = expect.objectContaining({ code: 'COMBINE_MISMATCH' });
    for (const members of [
      [member(1, 1), wider],
      [wider, member(1, 1)],
      [member(1, 1), member(1, 1, 2)],
    ])
      expect(() => combined(...members)).toThrow(mismatch);
    expect(() => bitfit().combine!([member(1, 1)], { strategy: 'svd' }, miniLm)).toThrow(
      expect.objectContaining({ code: 'COMBINE_STRATEGY_UNKNOWN', message: expect.stringContaining('BITFIT') }),
    );
  });

  it('refuses what cannot be', () => {
    const refused = (code: string, text: RegExp = /./) =>
      expect.objectContaining({ code, message: expect.stringMatching(text) });
    expect(() => bitfit({ bias: 'all' } as never)).toThrow(refused('CONFIG_INVALID', /did you mean "biases"/));
    expect(() => bitfit({ biases: [] })).toThrow(refused('CONFIG_INVALID'));
    expect(() => namesOf({ biases: ['query', 'intermediate.dence'] })).toThrow(
      refused('TARGET_UNMATCHED', /intermediate\.dense/),
    );
    expect(() => namesOf({ biases: 'query' })).toThrow(refused('TARGET_UNMATCHED'));
    expect(() => namesOf({ biases: '(' })).toThrow(refused('TARGET_PATTERN_INVALID'));
  });
});
