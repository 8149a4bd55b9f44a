import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  compose,
  type Context,
  countParameters,
  createStream,
  evaluationContext,
  head,
  type Host,
  initialValues,
  mergeAdapter,
  type NamedArray,
  type Parameters,
  type PeftMethod,
  readParameters,
  reportCoverage,
  runAdapter,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { floatsOf } from '@tfjs-peft/peft-core/authoring';
import type { LowRankDelta } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { preparationWith } from '../../../tools/jest/preparation-with.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { minilmSpec } from '../test/minilm-spec.js';
import { largest, randomValues, smallHost, someInputs } from '../test/small-host.js';
import { lora } from './lora.js';

useTestBackend();

const seed = createStream(5);
let host: Host;
beforeAll(async () => {
  host = await smallHost();
});
afterAll(() => host.dispose());

const start = (method: PeftMethod): Parameters => toParameters(initialValues(method.plan(host.spec), seed));
const pass = (method: PeftMethod, effective: Parameters, context: Partial<Context> = {}, inputs = someInputs()) => {
  const used = { ...evaluationContext(host.spec, inputs.inputIds.shape[0]), ...context };
  return host.forward(inputs, method.intervene(effective, used), used);
};
const hidden = (...args: globalThis.Parameters<typeof pass>) => pass(...args).lastHiddenState;
const bare = () => host.forward(someInputs(), [], evaluationContext(host.spec, 2)).lastHiddenState;
const valuesOf = (method: PeftMethod, name: string) => floatsOf(initialValues(method.plan(host.spec), seed).get(name)!);
const lowRankOf = (method: PeftMethod) =>
  method
    .intervene(start(method), evaluationContext(host.spec, 2))
    .filter((item): item is LowRankDelta => item.kind === 'lowRankDelta');
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'no error';
};
const query0 = 'encoder.layer.0.attention.self.query';
const words = 'embeddings.word_embeddings';

describe('what lora plans', () => {
  it('counts as published on MiniLM', () => {
    const count = (config: globalThis.Parameters<typeof lora>[0]) => countParameters(lora(config).plan(minilmSpec));
    expect(count({})).toEqual({ trainable: 73_728, effective: 73_728, buffers: 0 });
    expect(count({ dora: true }).trainable).toBe(73_728 + 12 * 384);
    expect(count({ loraBias: true }).trainable).toBe(73_728 + 12 * 384);
    expect(count({ bias: 'lora_only' }).trainable).toBe(73_728 + 12 * 384);
    // BitFit's 25,344 of the blocks, the embeddings' LayerNorm and the pooler.
    expect(count({ bias: 'all' }).trainable).toBe(73_728 + 25_344 + 2 * 384);
    expect(count({ targets: 'all-linear', rank: 4 }).trainable).toBe(4 * (6 * (8 * 384 + 2 * (384 + 1536)) + 2 * 384));
    expect(count({ targets: ['word_embeddings'] }).trainable).toBe(8 * (30_522 + 384));
    expect(reportCoverage(lora({ layers: [0, 5] }).plan(minilmSpec), minilmSpec)).toEqual([
      { kind: 'linear', covered: 4, total: 37, numbers: 24_576, layers: [0, 5] },
    ]);
  });

  it('plans the shapes of both factors, and tables once a batch', () => {
    const { effective } = lora({ rank: 2, targets: ['layer.1.intermediate.dense', 'word_embeddings'] }).plan(host.spec);
    expect(effective).toEqual([
      { name: `lora.${words}.down`, shape: [20, 2], site: words, perExample: 'none' },
      { name: `lora.${words}.up`, shape: [2, 8], site: words, perExample: 'none' },
      expect.objectContaining({
        name: 'lora.encoder.layer.1.intermediate.dense.down',
        shape: [8, 2],
        perExample: 'axis',
      }),
      expect.objectContaining({ name: 'lora.encoder.layer.1.intermediate.dense.up', shape: [2, 12] }),
    ]);
  });

  it('scales by alpha / rank, by alpha / √rank as rsLoRA, and by the patterns', () => {
    const scalesOf = (config: globalThis.Parameters<typeof lora>[0]) =>
      lowRankOf(lora({ alpha: 6, rank: 4, ...config })).map(({ scale }) => scale);
    expect(scalesOf({})).toEqual([1.5, 1.5, 1.5, 1.5]);
    expect(scalesOf({ rsLora: true })).toEqual([3, 3, 3, 3]);
    expect(
      scalesOf({ rankPattern: { query: 2 }, alphaPattern: { 'layer.1.attention.self.(query|value)': 1 } }),
    ).toEqual([3, 1.5, 0.5, 0.25]);
  });

  it('refuses what it cannot do', () => {
    const planned = (config: globalThis.Parameters<typeof lora>[0]) => codeOf(() => lora(config).plan(host.spec));
    expect(planned({ dora: true, loraBias: true })).toBe('CONFIG_INVALID');
    expect(codeOf(() => lora({ ranks: 4 } as object))).toBe('CONFIG_INVALID');
    expect(planned({ dora: true, targets: ['word_embeddings'] })).toBe('TARGET_UNSUPPORTED');
    expect(planned({ loraBias: true, targets: ['word_embeddings'] })).toBe('TARGET_UNSUPPORTED');
    expect(planned({ initialisation: 'orthogonal', rank: 3 })).toBe('RANK_UNSUPPORTED');
    expect(codeOf(() => compose(lora({ dora: true }), lora({ dora: true, name: 'other' })).plan(host.spec))).toBe(
      'SITE_CLAIMED_TWICE',
    );
  });
});

describe('where lora starts', () => {
  const law = (values: Float32Array) => ({
    bound: Math.max(...values.map(Math.abs)),
    deviation: Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length),
  });

  it('draws down within 1/√inputs, by name, and leaves up at zero', () => {
    const wide = lora({ rank: 64 });
    const down = law(valuesOf(wide, `lora.${query0}.down`));
    expect(down.bound).toBeLessThanOrEqual(1 / Math.sqrt(8));
    expect(down.bound).toBeGreaterThan(0.98 / Math.sqrt(8));
    expect(down.deviation).toBeCloseTo(1 / Math.sqrt(24), 1);
    expect(valuesOf(wide, `lora.${query0}.up`)).toEqual(new Float32Array(64 * 8));
    expect(valuesOf(lora({ targets: 'all-linear', rank: 64 }), `lora.${query0}.down`)).toEqual(
      valuesOf(wide, `lora.${query0}.down`),
    );
  });

  it('has the other laws of HF peft', () => {
    const gaussian = lora({ rank: 64, initialisation: 'gaussian' });
    expect(law(valuesOf(gaussian, `lora.${query0}.down`)).deviation * 64).toBeCloseTo(1, 1);
    const random = lora({ rank: 64, initialisation: 'random', loraBias: true });
    for (const name of ['up', 'upBias'])
      expect(law(valuesOf(random, `lora.${query0}.${name}`)).bound).toBeLessThanOrEqual(1 / 8);
    const table = lora({ rank: 64, targets: ['word_embeddings'] });
    expect(valuesOf(table, `lora.${words}.down`)).toEqual(new Float32Array(20 * 64));
    expect(Math.abs(law(valuesOf(table, `lora.${words}.up`)).deviation - 1)).toBeLessThan(0.1);
  });

  it.each([
    [{}],
    [{ initialisation: 'gaussian', loraBias: true }],
    [{ targets: 'embeddings.word_embeddings' }],
    [{ bias: 'lora_only', dropout: 0.5, rsLora: true }],
  ] as const)('changes nothing with %j, to the bit', async (config) => {
    const method = lora(config);
    for (const mode of ['evaluate', 'train'] as const)
      expect(await hidden(method, start(method), { mode }).data()).toEqual(await bare().data());
    const moved = randomValues(method, host.spec);
    expect(await largest(hidden(method, moved).sub(bare()))).toBeGreaterThan(1e-2);
  });

  it('changes nothing as DoRA but for the order in which the bias is added', async () => {
    const method = lora({ dora: true });
    expect(await largest(hidden(method, start(method)).sub(bare()))).toBeLessThan(1e-6);
    expect(await largest(hidden(method, randomValues(method, host.spec)).sub(bare()))).toBeGreaterThan(1e-2);
  });

  it('is prepared for an orthogonal start, whose factors are random and whose product is zero', async () => {
    const method = lora({ initialisation: 'orthogonal', rank: 4, targets: ['query', 'word_embeddings'] });
    expect(codeOf(() => start(method))).toBe('METHOD_UNPREPARED');
    const prepare = (vertex: number) =>
      method.prepare!(host, preparationWith({ stream: substream(seed, vertex), vertex })) as Promise<PeftMethod>;
    const prepared = await prepare(0);
    const effective = start(prepared);
    expect(await largest(hidden(prepared, effective).sub(bare()))).toBeLessThan(1e-6);
    const [down, up] = ['down', 'up'].map((factor) => effective.get(`lora.${query0}.${factor}`)!);
    expect(await largest(down!)).toBeGreaterThan(0.05);
    expect(await largest(up!)).toBeGreaterThan(0.05);
    expect(await largest(tf.matMul(down!, up!))).toBeLessThan(1e-7);
    expect(
      await largest(
        start(await prepare(1))
          .get(`lora.${query0}.up`)!
          .sub(up!),
      ),
    ).toBeGreaterThan(0.01);
    expect(prepared.plan(host.spec).effective).toEqual(method.plan(host.spec).effective);
  });
});

describe('what lora computes', () => {
  it('is the pass of a host with the delta in its weights, merged or written out', async () => {
    const method = lora({
      rank: 3,
      alpha: 5,
      targets: ['query', 'dense', 'word_embeddings'],
      rankPattern: { 'output.dense': 2 },
      bias: 'all',
    });
    const dora = lora({ rank: 2, dora: true, targets: ['value', 'intermediate.dense'], name: 'dora' });
    const biased = lora({ rank: 2, loraBias: true, targets: ['key'], name: 'biased' });
    const whole = compose(method, dora, biased, head({ labels: ['a', 'b'], readout: 'mean' }));
    const adapter = {
      method: whole,
      effective: randomValues(whole, host.spec),
      hostFingerprint: host.spec.fingerprint,
    };
    const before = await bare().data();
    const merged = await mergeAdapter(host, adapter);
    const unmerged = runAdapter(host, adapter, someInputs()).logits!;
    expect(await largest(runAdapter(merged.host, merged.rest!, someInputs()).logits!.sub(unmerged))).toBeLessThan(1e-5);
    expect(merged.base).toBe(host);
    merged.host.dispose();
    expect(await bare().data()).toEqual(before);
    // One weight by hand: y = x (W + 5/3 · down · up).
    const [down, up] = ['down', 'up'].map((factor) => adapter.effective.get(`lora.${query0}.${factor}`)!);
    const bias = adapter.effective.get(`lora.${query0}.biasDelta`)!;
    const weight = host.weight(`${query0}.weight`);
    const byHand = await host.withWeights(
      new Map([
        [`${query0}.weight`, weight.add(tf.matMul(down!, up!).mul(5 / 3))],
        [`${query0}.bias`, host.weight(`${query0}.bias`).add(bias)],
      ]),
    );
    const only = lora({ rank: 3, alpha: 5, targets: [query0], bias: 'lora_only' });
    const expected = byHand.forward(someInputs(), [], evaluationContext(host.spec, 2)).lastHiddenState;
    expect(await largest(hidden(only, adapter.effective).sub(expected))).toBeLessThan(1e-5);
    byHand.dispose();
  });

  it('takes one value an example where it may', async () => {
    for (const config of [
      { rank: 2 },
      { rank: 2, dora: true },
      { rank: 2, loraBias: true, bias: 'lora_only' },
    ] as const) {
      const method = lora({ targets: ['query', 'intermediate.dense'], ...config });
      const [first, second] = [1, 2].map((own) => randomValues(method, host.spec, own));
      const both = new Map([...first!].map(([name, tensor]) => [name, tf.stack([tensor, second!.get(name)!])]));
      const together = hidden(method, both);
      const apart = [first!, second!].map((effective, row) =>
        hidden(method, effective).slice([row, 0, 0], [1, -1, -1]),
      );
      expect(await largest(together.sub(tf.concat(apart, 0)))).toBeLessThan(1e-5);
      expect(await largest(together.sub(hidden(method, first!)))).toBeGreaterThan(1e-2);
    }
  });

  it('drops out in training only, the same with the same stream', async () => {
    const method = lora({ rank: 4, dropout: 0.5, targets: 'all-linear' });
    const effective = randomValues(method, host.spec);
    const training = (name: string) => {
      const streams = { dropout: createStream(name), draws: seed };
      return hidden(method, effective, { mode: 'train', streams }).data();
    };
    const evaluated = await hidden(method, effective).data();
    expect(evaluated).toEqual(
      await hidden(lora({ rank: 4, targets: 'all-linear' }), effective, { mode: 'train' }).data(),
    );
    expect(await training('a')).toEqual(await training('a'));
    expect(await training('a')).not.toEqual(await training('b'));
    expect(await training('a')).not.toEqual(evaluated);
  });

  it('has the gradients of finite differences', async () => {
    const method = lora({
      rank: 2,
      alpha: 4,
      targets: ['query', 'output.dense'],
      loraBias: true,
      bias: 'lora_only',
      dropout: 0.3,
    });
    await expectGradients(method, () => true);
    // DoRA holds the norm of the changed weight constant on purpose, so that only the magnitude's gradient is a derivative.
    await expectGradients(lora({ rank: 2, dora: true, targets: ['query', 'output.dense'] }), (name) =>
      name.endsWith('magnitudeDelta'),
    );
    await expectGradients(lora({ rank: 2, targets: ['word_embeddings'] }), () => true);
  });

  async function expectGradients(method: PeftMethod, tested: (name: string) => boolean): Promise<void> {
    const effective = await readParameters(randomValues(method, host.spec, 'point'));
    const target = tf.randomNormal([2, 4, 8], 0, 1, 'float32', 9);
    const streams = { dropout: createStream('fixed'), draws: seed };
    const loss = (values: Parameters) =>
      tf.tidy(() => hidden(method, values, { mode: 'train', streams }).mul(target).sum() as tf.Scalar);
    const at = async (arrays: Map<string, NamedArray>) => (await loss(toParameters(arrays)).data())[0]!;
    const names = [...effective.keys()];
    const gradients = tf.grads((...tensors: tf.Tensor[]) =>
      loss(new Map(names.map((name, index) => [name, tensors[index]!]))),
    )([...toParameters(effective).values()]);
    for (const [index, name] of names.entries()) {
      if (!tested(name)) continue;
      const { shape, data } = effective.get(name)!;
      const gradient = Float32Array.from(await gradients[index]!.data());
      const direction = Float32Array.from(gradient, (value) => Math.sign(value) + 0.1);
      const step = async (size: number) =>
        at(new Map(effective).set(name, { shape, data: data.map((value, i) => value + size * direction[i]!) }));
      const width = 1e-2;
      const slope =
        (8 * ((await step(width)) - (await step(-width))) - (await step(2 * width)) + (await step(-2 * width))) /
        (12 * width);
      const expected = gradient.reduce((sum, value, i) => sum + value * direction[i]!, 0);
      expect(Math.abs(expected)).toBeGreaterThan(1e-2);
      expect(Math.abs(slope / expected - 1)).toBeLessThan(2e-2);
    }
  }
});
