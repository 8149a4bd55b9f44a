import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Adapter,
  compose,
  countParameters,
  createStream,
  evaluationContext,
  head,
  type Host,
  initialValues,
  mergeAdapter,
  readParameters,
  reportCoverage,
  runAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { describedBert } from '../test/hosts.js';
import { ia3 } from './ia3.js';

useTestBackend();

const hfLists = { targets: ['key', 'value', 'output.dense'], feedForwardTargets: ['output.dense'] };
const miniLm = describedBert(6, 384);

let host: Host;
beforeAll(async () => {
  host = await createRandomHost();
});
afterAll(() => host.dispose());

const inputs = () => ({
  inputIds: tf.tensor2d([5, 6, 7, 8, 9, 10, 11, 0], [2, 4], 'int32'),
  attentionMask: tf.tensor2d([1, 1, 1, 1, 1, 1, 1, 0], [2, 4], 'int32'),
});
const distance = async (a: tf.Tensor, b: tf.Tensor) => (await a.sub(b).abs().max().data())[0]!;

describe('ia3', () => {
  it('counts two hidden sizes and one feed-forward size a layer', () => {
    expect(countParameters(ia3().plan(miniLm))).toEqual({ trainable: 13_824, effective: 13_824, buffers: 0 });
    expect(countParameters(ia3(hfLists).plan(describedBert(12, 768))).trainable).toBe(64_512);
    expect(reportCoverage(ia3().plan(miniLm), miniLm)).toEqual([
      { kind: 'linear', covered: 18, total: 36, numbers: 13_824, layers: [0, 1, 2, 3, 4, 5] },
    ]);
  });

  it.each([
    ['bert', ['attention.self.key', 'attention.self.value', 'output.dense']],
    ['roberta', ['attention.self.key', 'attention.self.value', 'output.dense']],
    ['distilbert', ['attention.k_lin', 'attention.v_lin', 'ffn.lin2']],
  ] as const)('gates keys, values and the second feed-forward map of %s', async (modelType, names) => {
    const other = await createRandomHost({ modelType });
    const method = ia3();
    const effective = toParameters(initialValues(method.plan(other.spec), createStream(1)));
    const items = method.intervene(effective, evaluationContext(other.spec, 1));
    const described = items.map((item) =>
      'path' in item ? `${item.kind} ${item.path.replace(/^.*?\.\d\./, '')}` : '',
    );
    const layer = [`outputGate ${names[0]}`, `outputGate ${names[1]}`, `inputGate ${names[2]}`];
    expect(described).toEqual([...layer, ...layer]);
    other.dispose();
  });

  it('starts at exactly one, or around it for vertices that start apart', () => {
    for (const { data } of initialValues(ia3().plan(miniLm), createStream(1)).values())
      expect(data.every((value) => value === 1)).toBe(true);
    const values = [...initialValues(ia3({ initialStandardDeviation: 0.1 }).plan(miniLm), createStream(1)).values()];
    const all = values.flatMap(({ data }) => [...data]);
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
    expect(mean).toBeCloseTo(1, 2);
    expect(Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length)).toBeCloseTo(0.1, 2);
  });

  it('computes (W x + b) ⊙ l on outputs and W (x ⊙ l) + b on inputs, as merging it does', async () => {
    const method = compose(ia3({ ...hfLists, initialStandardDeviation: 0.5 }), head({ labels: ['a', 'b'] }));
    const effective = toParameters(initialValues(method.plan(host.spec), createStream(3)));
    const adapter: Adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
    const merged = await mergeAdapter(host, adapter);
    const key = 'encoder.layer.1.attention.self.key';
    const second = 'encoder.layer.1.output.dense';
    const gateOf = (path: string) => effective.get(`ia3.${path}.gate`)!;
    const expected: Record<string, tf.Tensor> = {
      [`${key}.weight`]: host.weight(`${key}.weight`).mul(gateOf(key)),
      [`${key}.bias`]: host.weight(`${key}.bias`).mul(gateOf(key)),
      [`${second}.weight`]: host.weight(`${second}.weight`).mul(gateOf(second).expandDims(1)),
      [`${second}.bias`]: host.weight(`${second}.bias`),
    };
    for (const [path, tensor] of Object.entries(expected))
      expect(await distance(merged.host.weight(path), tensor)).toBe(0);
    const before = runAdapter(host, adapter, inputs()).logits!;
    expect(await distance(runAdapter(merged.host, merged.rest!, inputs()).logits!, before)).toBeLessThan(1e-5);
    merged.host.dispose();
    expect(await distance(runAdapter(host, adapter, inputs()).logits!, before)).toBe(0);
  });

  it('refuses what cannot be', () => {
    const refused = (code: string, text: RegExp = /./) =>
      expect.objectContaining({ code, message: expect.stringMatching(text) });
    expect(() => ia3({ target_modules: ['key'] } as never)).toThrow(refused('CONFIG_INVALID', /unknown key/));
    expect(() => ia3({ targets: [], feedForwardTargets: [] })).toThrow(refused('CONFIG_INVALID', /nothing to gate/));
    expect(() => ia3({ initialStandardDeviation: -1 })).toThrow(refused('CONFIG_INVALID'));
    expect(() => ia3({ targets: ['key', 'valeu'] }).plan(miniLm)).toThrow(refused('TARGET_UNMATCHED', /value/));
    expect(() => ia3({ targets: '(' }).plan(miniLm)).toThrow(refused('TARGET_PATTERN_INVALID'));
    const roleless = {
      ...miniLm,
      sites: miniLm.sites.map((site) => (site.kind === 'linear' ? { ...site, role: undefined } : site)),
    };
    expect(() => ia3().plan(roleless)).toThrow(refused('TARGET_UNMATCHED', /feedForwardOut/));
    expect(countParameters(ia3(hfLists).plan(roleless)).trainable).toBe(6 * (384 * 3 + 1536));
  });
});

describe('combine', () => {
  const name = 'ia3.x.gate';
  const member = (weight: number, ...gate: number[]) => ({
    method: ia3(),
    effective: new Map([[name, { shape: [gate.length], data: Float32Array.from(gate) }]]),
    weight,
  });
  const combined = (strategy: string | undefined, ...members: ReturnType<typeof member>[]) => [
    ...ia3().combine!(members, { strategy }, miniLm).effective.get(name)!.data,
  ];

  it('sums up what the gates change', () => {
    expect(combined(undefined, member(0.5, 2, 1), member(0.5, 1, 3))).toEqual([1.5, 2]);
    expect(combined('linear', member(1, 2, 0.5), member(1, 3, 1))).toEqual([4, 0.5]);
    expect(combined('linear', member(-1, 1.5))).toEqual([0.5]);
  });

  it('multiplies the gates, with the weights as exponents', () => {
    expect(combined('product', member(1, 2, -0.5), member(1, 3, 4))).toEqual([6, -2]);
    expect(combined('product', member(0.5, 4, 9), member(0.5, 16, 1))).toEqual([8, 3]);
    expect(combined('product', member(2, -3), member(-1, 2))).toEqual([4.5]);
  });

  it('refuses gates on the other side of a map, which have as many numbers', () => {
    const gate = 'ia3.encoder.layer.0.attention.output.dense.gate';
    const on = (feedForward: string[]) => ({
      method: ia3({ targets: ['attention.output.dense'], feedForwardTargets: feedForward }),
      effective: new Map([[gate, { shape: [384], data: new Float32Array(384).fill(2) }]]),
      weight: 1,
    });
    const combine = (...members: ReturnType<typeof on>[]) => ia3().combine!(members, {}, miniLm);
    expect(combine(on([]), on([])).effective.get(gate)!.data[0]).toBe(3);
    expect(() => combine(on([]), on(['attention.output.dense']))).toThrow(
      expect.objectContaining({ code: 'COMBINE_MISMATCH', message: expect.stringContaining('output of its map') }),
    );
  });

  it('refuses powers without a value, other targets and other strategies', () => {
    const failing = (code: string, run: () => unknown) => expect(run).toThrow(expect.objectContaining({ code }));
    failing('COMBINE_UNDEFINED', () => combined('product', member(0.5, -1)));
    failing('COMBINE_UNDEFINED', () => combined('product', member(-1, 0)));
    failing('COMBINE_STRATEGY_UNKNOWN', () => combined('ties', member(1, 1)));
    failing('COMBINE_STRATEGY_UNKNOWN', () => combined('toString', member(1, 1)));
    failing('COMBINE_MISMATCH', () => combined('linear', member(1, 1), member(1, 1, 2)));
    const wider = member(1, 1);
    wider.effective.set('ia3.y.gate', { shape: [1], data: new Float32Array(1) });
    failing('COMBINE_MISMATCH', () => combined('linear', member(1, 1), wider));
  });
});

it('keeps the gates that files hold, in their order', async () => {
  const method = ia3({ initialStandardDeviation: 0.3 });
  const effective = await readParameters(toParameters(initialValues(method.plan(host.spec), createStream(4))));
  const { tensors } = method.files!.encode(effective, host.spec, new Map());
  expect([...tensors].slice(0, 3).map(([name, { shape }]) => [name, shape])).toEqual([
    ['base_model.model.bert.encoder.layer.0.attention.self.key.ia3_l', [32, 1]],
    ['base_model.model.bert.encoder.layer.0.attention.self.value.ia3_l', [32, 1]],
    ['base_model.model.bert.encoder.layer.0.output.dense.ia3_l', [1, 64]],
  ]);
  expect(method.files!.decode(tensors, host.spec, new Map())).toEqual(effective);
});
