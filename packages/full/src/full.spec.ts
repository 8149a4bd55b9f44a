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
  type Parameters,
  readParameters,
  reportCoverage,
  runAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { selectNamespaces } from '@tfjs-peft/peft-core/authoring';
import { createRandomHost, openModelDirectory, readHostSpec } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { fullFineTuning } from './full.js';

useTestBackend();

type Config = globalThis.Parameters<typeof fullFineTuning>[0];

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
const wholeHost = (standardDeviation: number, config: Config = {}) =>
  compose(
    fullFineTuning({ ...config, initialStandardDeviation: standardDeviation }),
    head({ labels: ['a', 'b'], initialStandardDeviation: 0.5 }),
  );
const startOf = (method: ReturnType<typeof wholeHost>, seed: number) =>
  toParameters(initialValues(method.plan(host.spec), createStream(seed)));

describe('fullFineTuning', () => {
  it('counts every number of the host, from the plan alone', () => {
    const plan = fullFineTuning().plan(miniLm);
    expect(countParameters(plan)).toEqual({ trainable: 22_713_216, effective: 22_713_216, buffers: 0 });
    const tensors = miniLm.sites.filter(({ kind }) => kind === 'tensor').map(({ path }) => `full.${path}`);
    expect(plan.raw.map(({ name }) => name).sort()).toEqual(tensors.sort());
    expect(reportCoverage(plan, miniLm).map(({ kind, covered, total }) => [kind, covered, total])).toEqual([
      ['table', 3, 3],
      ['norm', 13, 13],
      ['linear', 37, 37],
    ]);
  });

  it('trains what is included and not excluded', () => {
    const count = (config: Config) => countParameters(fullFineTuning(config).plan(miniLm)).trainable;
    const tables = (30_522 + 512 + 2) * 384;
    const layer = 4 * (384 * 384 + 384) + 2 * 384 * 1536 + 1536 + 384 + 4 * 384;
    const pooler = 384 * 384 + 384;
    expect(count({ embeddings: false })).toBe(6 * layer + pooler + 2 * 384);
    expect(count({ embeddings: false, exclude: ['pooler.dense', 'embeddings.LayerNorm'] })).toBe(6 * layer);
    expect(count({ exclude: ['word_embeddings', 'pooler.dense'] })).toBe(6 * layer + tables - 30_522 * 384 + 2 * 384);
    expect(count({ include: '.*\\.layer\\.[45]\\..*' })).toBe(2 * layer);
    expect(count({ include: '.*\\.layer\\.[45]\\..*', exclude: '.*attention.*' })).toBe(
      2 * (2 * 384 * 1536 + 1536 + 384 + 2 * 384),
    );
    expect(count({ include: ['position_embeddings'] })).toBe(512 * 384);
  });

  it.each(['bert', 'roberta', 'distilbert'] as const)('finds all tensors of %s', async (modelType) => {
    const other = await createRandomHost({ modelType });
    const shapes = fullFineTuning()
      .plan(other.spec)
      .raw.map(({ name, shape }) => [name.slice('full.'.length), shape] as const);
    const tensors = other.spec.sites.flatMap((site) =>
      site.kind === 'tensor' ? [[site.path, site.shape] as const] : [],
    );
    expect(new Map(shapes)).toEqual(new Map(tensors));
    other.dispose();
  });

  it('has at a difference the gradient that a host with these very weights has at none', async () => {
    const method = wholeHost(0.2);
    const moved = startOf(method, 1);
    const names = [...selectNamespaces(moved, ['full']).keys()];
    const gradientsAt = (at: Host, differences: Parameters) => {
      const lossOf = (...tensors: tf.Tensor[]) => {
        const changed = new Map([...moved, ...tensors.map((tensor, i) => [names[i]!, tensor] as const)]);
        const context = evaluationContext(at.spec, 2);
        const { logits } = at.forward(inputs(), method.intervene(changed, context), context);
        return logits!.square().sum() as tf.Scalar;
      };
      return tf.grads(lossOf)(names.map((name) => differences.get(name)!));
    };
    const values = names.map(
      (name) =>
        [name.slice('full.'.length), tf.add(host.weight(name.slice('full.'.length)), moved.get(name)!)] as const,
    );
    const other = await host.withWeights(new Map(values));
    const zeros = new Map(names.map((name) => [name, tf.zerosLike(moved.get(name)!)]));
    const [here, there] = [gradientsAt(host, moved), gradientsAt(other, zeros)];
    for (const [index, gradient] of here.entries()) {
      const scale = (await gradient.abs().max().data())[0]!;
      expect(await distance(gradient, there[index]!)).toBeLessThan(1e-4 * Math.max(1e-1, scale));
    }
    other.dispose();
  });

  it('merges into exactly W + ΔW and leaves the host as it was', async () => {
    const method = wholeHost(0.2);
    const effective = startOf(method, 2);
    const adapter: Adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
    const paths = [...effective.keys()].filter((name) => name.startsWith('full.')).map((name) => name.slice(5));
    const before = await readParameters(new Map(paths.map((path) => [path, host.weight(path)])));
    const merged = await mergeAdapter(host, adapter);
    for (const path of paths)
      expect(await distance(merged.host.weight(path), host.weight(path).add(effective.get(`full.${path}`)!))).toBe(0);
    const logits = runAdapter(host, adapter, inputs()).logits!;
    expect(await distance(runAdapter(merged.host, merged.rest!, inputs()).logits!, logits)).toBeLessThan(1e-5);
    expect(merged.rest!.method.type).toBe('HEAD');
    merged.host.dispose();
    expect(await readParameters(new Map(paths.map((path) => [path, host.weight(path)])))).toEqual(before);
  });

  it('combines by the weighted sum of differences', () => {
    const member = (weight: number, value: number) => ({
      method: fullFineTuning(),
      effective: new Map([['full.x.weight', { shape: [1, 1], data: Float32Array.of(value) }]]),
      weight,
    });
    const { combine } = fullFineTuning();
    const combined = combine!([member(0.25, 4), member(0.75, 8)], {}, miniLm).effective;
    expect([...combined.get('full.x.weight')!.data]).toEqual([7]);
    expect(() => combine!([member(1, 1)], { strategy: 'svd' }, miniLm)).toThrow(
      expect.objectContaining({ code: 'COMBINE_STRATEGY_UNKNOWN' }),
    );
  });

  it('refuses what cannot be', () => {
    const refused = (code: string, text: RegExp = /./) =>
      expect.objectContaining({ code, message: expect.stringMatching(text) });
    expect(() => fullFineTuning({ includes: ['x'] } as never)).toThrow(
      refused('CONFIG_INVALID', /did you mean "include"/),
    );
    expect(() => fullFineTuning({ include: [] })).toThrow(refused('CONFIG_INVALID'));
    const plan = (config: Config) => () => fullFineTuning(config).plan(miniLm);
    expect(plan({ include: ['quary'] })).toThrow(refused('TARGET_UNMATCHED', /query/));
    expect(plan({ exclude: ['word_embedding'] })).toThrow(refused('TARGET_UNMATCHED', /word_embeddings/));
    expect(plan({ include: ['word_embeddings', 'query'], embeddings: false })).toThrow(
      refused('TARGET_UNMATCHED', /word_embeddings/),
    );
    expect(plan({ exclude: '.*' })).toThrow(refused('TARGET_UNMATCHED', /left to train/));
    expect(plan({ include: '(' })).toThrow(refused('TARGET_PATTERN_INVALID'));
  });
});
