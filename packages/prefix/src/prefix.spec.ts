import { describe, expect, it } from '@jest/globals';
import {
  countParameters,
  createStream,
  evaluationContext,
  type HostSpec,
  initialValues,
  type NamedArray,
  readParameters,
  reportCoverage,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters, normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import type { KeyValuePrefix } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { prefix, prefixDefinition } from './prefix.js';

useTestBackend();

const hostOf = (layers: number, hidden: number, heads: number): HostSpec => ({
  name: `${layers}x${hidden}`,
  modelType: 'bert',
  baseModelPrefix: 'bert',
  hiddenSize: hidden,
  numHiddenLayers: layers,
  numAttentionHeads: heads,
  maxPositionEmbeddings: 64,
  padTokenId: 0,
  defaultReadout: 'mean',
  fingerprint: 'none',
  classifier: { output: 'classifier', readout: 'pooler' },
  sites: Array.from({ length: layers }, (_, layer) => ({
    kind: 'attention',
    path: `encoder.layer.${layer}.attention.self`,
    layer,
    heads,
    headSize: hidden / heads,
  })),
});
const small = hostOf(2, 8, 4);
const seed = createStream(5);
const standardDeviation = (values: Float32Array) =>
  Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

describe('prefix', () => {
  it('counts what the published sizes say', () => {
    const miniLm = hostOf(6, 384, 12);
    const bertBase = hostOf(12, 768, 12);
    const count = (host: HostSpec, config: Parameters<typeof prefix>[0]) => countParameters(prefix(config).plan(host));
    expect(count(miniLm, { reparametrisation: 'none' })).toEqual({ trainable: 46_080, effective: 46_080, buffers: 0 });
    expect(count(miniLm, {})).toEqual({ trainable: 2_564_864, effective: 46_080, buffers: 0 });
    expect(count(bertBase, { prefixLength: 30 })).toEqual({ trainable: 9_872_384, effective: 552_960, buffers: 0 });
    expect(reportCoverage(prefix().plan(miniLm), miniLm)).toEqual([
      { kind: 'attention', covered: 6, total: 6, numbers: 46_080, layers: [0, 1, 2, 3, 4, 5] },
    ]);
  });

  it('puts keys and values at every attention, with or without an MLP', () => {
    for (const [reparametrisation, positionPolicy] of [
      ['mlp', 'shift'],
      ['none', 'shift'],
      ['none', 'none'],
    ] as const) {
      const method = prefix({ prefixLength: 3, reparametrisation, mlpHiddenSize: 6, positionPolicy });
      const raw = toParameters(initialValues(method.plan(small), seed));
      const items = method.intervene(
        effectiveParameters(method, raw, small),
        evaluationContext(small, 2),
      ) as KeyValuePrefix[];
      expect(items.map(({ kind, path, positions }) => ({ kind, path, positions }))).toEqual(
        small.sites.map(({ path }) => ({ kind: 'keyValuePrefix', path, positions: positionPolicy })),
      );
      for (const { keys, values } of items)
        expect([keys.shape, values.shape]).toEqual([
          [4, 3, 2],
          [4, 3, 2],
        ]);
    }
  });

  it('produces prefixes of the size that its initial law implies (theory: 0.02³ · √512 · √384 · … for bert, about 0.27 for torch)', async () => {
    const host = hostOf(2, 384, 12);
    const produced = async (initialisation: 'bert' | 'torch') => {
      const method = prefix({ initialisation });
      const arrays = await readParameters(
        effectiveParameters(method, toParameters(initialValues(method.plan(host), seed)), host),
      );
      return standardDeviation(Float32Array.from([...arrays.values()].flatMap(({ data }) => [...data])));
    };
    expect(await produced('bert')).toBeGreaterThan(0.003);
    expect(await produced('bert')).toBeLessThan(0.004);
    expect(await produced('torch')).toBeGreaterThan(0.2);
    expect(await produced('torch')).toBeLessThan(0.34);
  });

  it('computes embedding, linear, tanh, linear in the layout of the files', async () => {
    const method = prefix({ prefixLength: 3, mlpHiddenSize: 6, initialisation: 'torch' });
    const raw = toParameters(initialValues(method.plan(small), seed));
    const at = (name: string) => raw.get(`prefix.${name}`) as tf.Tensor2D;
    const rows = tf
      .matMul(
        tf.tanh(tf.matMul(at('embedding'), at('transform.0.weight')).add(at('transform.0.bias'))),
        at('transform.2.weight'),
      )
      .add(at('transform.2.bias'));
    const effective = await readParameters(effectiveParameters(method, raw, small));
    const stored = method.files!.encode(effective, small, new Map()).tensors.get('prompt_embeddings')!;
    expect(stored.shape).toEqual([3, 2 * 2 * 8]);
    expect([...stored.data]).toEqual([...(await rows.data())]);
  });

  it('stores keys of layer i at place 2i and values at 2i + 1 of a row, head by head', () => {
    const method = prefix({ prefixLength: 3, reparametrisation: 'none' });
    const shape = [3, 32];
    const tensors = new Map([['prompt_embeddings', { shape, data: Float32Array.from({ length: 96 }, (_, i) => i) }]]);
    const effective = method.files!.decode(tensors, small, new Map());
    // Row 2, layer 1, values: 2 · 32 + (2 · 1 + 1) · 8; head 3, last of its two numbers.
    const values = effective.get('prefix.encoder.layer.1.attention.self.values')!;
    expect(values.shape).toEqual([4, 3, 2]);
    expect(values.data[(3 * 3 + 2) * 2 + 1]).toBe(2 * 32 + 3 * 8 + 7);
    expect(method.files!.encode(effective, small, new Map()).tensors.get('prompt_embeddings')).toEqual(
      tensors.get('prompt_embeddings'),
    );
  });

  it('says what HF peft would compute differently', () => {
    const effective = new Map<string, NamedArray>(
      prefix({ reparametrisation: 'none' })
        .plan(small)
        .effective.map(({ name, shape }) => [name, { shape, data: normals(substream(seed, name), sizeOf(shape)) }]),
    );
    const differences = (positionPolicy: 'none' | 'shift') =>
      prefix({ reparametrisation: 'none', positionPolicy }).files!.encode(effective, small, new Map()).differences;
    expect(differences('shift')).toEqual([]);
    expect(differences('none')).toEqual([expect.stringMatching(/position/)]);
  });

  it('drops out prefixes in training only', async () => {
    const method = prefix({ dropout: 0.5, reparametrisation: 'none', prefixLength: 20 });
    const effective = toParameters(initialValues(method.plan(small), seed));
    const zeros = async (mode: 'train' | 'sample') => {
      const [first] = method.intervene(effective, { ...evaluationContext(small, 1), mode }) as KeyValuePrefix[];
      return (await first!.keys.data()).filter((value) => value === 0).length;
    };
    expect(await zeros('sample')).toBe(0);
    expect(await zeros('train')).toBeGreaterThan(50);
  });

  it('adding a layer leaves the other layers their bits', () => {
    const of = (layers: number) =>
      initialValues(prefix({ reparametrisation: 'none' }).plan(hostOf(layers, 8, 4)), seed);
    for (const [name, values] of of(2)) expect(of(3).get(name)).toEqual(values);
  });

  it('refuses what cannot be', () => {
    expect(() => prefix({ prefixLength: 0 })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(() => prefix({ prefix_length: 3 } as never)).toThrow(
      /unknown key "prefix_length" \(did you mean "prefixLength"\?\)/,
    );
    expect(() => prefix({ prefixLength: 64, positionPolicy: 'shift' }).plan(small)).toThrow(
      expect.objectContaining({ code: 'PREFIX_TOO_LONG' }),
    );
    const decode = (tensors: Map<string, NamedArray>) => () =>
      prefix({ prefixLength: 3 }).files!.decode(tensors, small, new Map());
    expect(decode(new Map())).toThrow(expect.objectContaining({ code: 'TENSOR_MISSING' }));
    expect(decode(new Map([['prompt_embeddings', { shape: [4, 32], data: new Float32Array(128) }]]))).toThrow(
      expect.objectContaining({ code: 'TENSOR_MISSHAPEN' }),
    );
    const read = (config: object) => () => prefixDefinition.fromHfConfig!(config as never, small);
    expect(read({ num_virtual_tokens: 3, num_layers: 12 })).toThrow(
      expect.objectContaining({ code: 'ADAPTER_FOR_ANOTHER_HOST' }),
    );
    expect(read({})).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(read({ num_virtual_tokens: 3, prefix_projection: true })()).toEqual({
      prefixLength: 3,
      reparametrisation: 'none',
      positionPolicy: 'shift',
    });
  });
});
