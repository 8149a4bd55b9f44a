import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  createStream,
  evaluationContext,
  type NamedArray,
  runAdapter,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import { type AdapterHubPart, checkTensors, type JsonObject } from '@tfjs-peft/peft-core/files';
import { createRandomHost, type EncoderHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { loraHubFormat } from './adapter-hub.js';
import { lora } from './lora.js';

useTestBackend();

/** Entries and names as adapters 1.2.0 has them; files that the library itself wrote are tested in packages/eval. */
let bert: EncoderHost;
let distilbert: EncoderHost;
const sizes = { hiddenSize: 8, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 12 };
beforeAll(async () => {
  bert = await createRandomHost(sizes);
  distilbert = await createRandomHost({ ...sizes, modelType: 'distilbert' });
});

const entries: JsonObject = {
  architecture: 'lora',
  r: 2,
  alpha: 6,
  attn_matrices: ['q', 'v'],
  selfattn_lora: true,
  dropout: 0,
};
const stored = (path: string, inputs = 8, outputs = 8, rank = 2): [string, NamedArray][] =>
  [
    ['A', [rank, inputs]],
    ['B', [outputs, rank]],
  ].map(([factor, shape]) => {
    const name = `${path}.loras.spam.lora_${String(factor)}`;
    return [
      name,
      { shape: shape as number[], data: normals(substream(createStream(3), name), sizeOf(shape as number[])) },
    ];
  });
const attention = (layer: number, ...matrices: string[]) =>
  matrices.flatMap((matrix) => stored(`encoder.layer.${layer}.attention.self.${matrix}`));
const usual = () => new Map([0, 1].flatMap((layer) => attention(layer, 'query', 'value')));
const read = (changes: JsonObject = {}, tensors = usual(), more: Partial<AdapterHubPart> = {}, host = bert) => {
  const part = {
    config: { ...entries, ...changes },
    tensors,
    name: 'spam',
    version: 'adapters.1.2.0',
    inUnion: false,
    ...more,
  };
  const { config, effective } = loraHubFormat.read(part, host.spec);
  const method = lora(config);
  checkTensors(effective, method.plan(host.spec).effective, 'test');
  return { method, effective };
};
const refused = (run: () => unknown, code: string) => expect(run).toThrow(expect.objectContaining({ code }));

describe('a LoRA of AdapterHub', () => {
  it('adds alpha / r · B · A to the weights of its targets', async () => {
    const inputs = {
      inputIds: tf.tensor2d([[2, 3, 4]], undefined, 'int32'),
      attentionMask: tf.ones([1, 3], 'int32') as tf.Tensor2D,
    };
    const tensors = usual();
    const { method, effective } = read();
    const adapted = runAdapter(bert, { method, effective: toParameters(effective), hostFingerprint: '' }, inputs);
    const changes = new Map(
      [0, 1].flatMap((layer) =>
        ['query', 'value'].map((matrix) => {
          const path = `encoder.layer.${layer}.attention.self.${matrix}`;
          const [a, b] = ['A', 'B'].map((factor) => {
            const { shape, data } = tensors.get(`${path}.loras.spam.lora_${factor}`)!;
            return tf.tensor2d(data, shape as [number, number]);
          });
          return [
            `${path}.weight`,
            bert.weight(`${path}.weight`).add(
              tf
                .matMul(b!, a!)
                .mul(6 / 2)
                .transpose(),
            ),
          ] as const;
        }),
      ),
    );
    const merged = await bert.withWeights(changes);
    const wanted = merged.forward(inputs, [], evaluationContext(merged.spec, 1));
    expect((await adapted.lastHiddenState.sub(wanted.lastHiddenState).abs().max().data())[0]).toBeLessThan(1e-4);
    merged.dispose();
  });

  it('has places by role, on every architecture', () => {
    const paths = (effective: ReadonlyMap<string, unknown>) =>
      [...effective.keys()].filter((name) => name.endsWith('.down'));
    const feedForward = new Map(
      [0, 1].flatMap((layer) => [
        ...stored(`encoder.layer.${layer}.intermediate.dense`, 8, 12),
        ...stored(`encoder.layer.${layer}.output.dense`, 12, 8),
      ]),
    );
    const { effective } = read({ selfattn_lora: false, intermediate_lora: true, output_lora: true }, feedForward);
    expect(paths(effective)).toHaveLength(4);
    const layers = new Map([0, 1].flatMap((layer) => stored(`transformer.layer.${layer}.attention.q_lin`)));
    expect(paths(read({ attn_matrices: ['q'] }, layers, {}, distilbert).effective)).toEqual([
      'lora.transformer.layer.0.attention.q_lin.down',
      'lora.transformer.layer.1.attention.q_lin.down',
    ]);
    expect(paths(read({ leave_out: [0] }, new Map(attention(1, 'query', 'value'))).effective)).toHaveLength(2);
  });

  it('of a version before 1.1.0 was trained with a scale of one', () => {
    const alphaOf = (more: Partial<AdapterHubPart>) => read({}, usual(), more).method.config.alpha;
    expect(alphaOf({ version: 'adapters.1.0.1' })).toBe(2);
    expect(alphaOf({ version: 'adapters.0.2.2' })).toBe(2);
    for (const version of ['adapters.1.1.0', 'adapters.1.2.0', 'adapters.10.0.0', '3.2.1', null])
      expect(alphaOf({ version })).toBe(6);
    expect(alphaOf({ version: 'adapters.1.0.1', inUnion: true })).toBe(6);
  });

  it('is refused with what has no counterpart, and with tensors that do not fit', () => {
    for (const changes of [
      { use_gating: true },
      { use_dora: true },
      { vera_d: 0.1 },
      { attn_matrices: ['o'] },
      { gate: 1 },
    ] as JsonObject[])
      refused(() => read(changes), 'CONFIG_KEY_UNSUPPORTED');
    expect(loraHubFormat.reads({ architecture: 'lora', composition_mode: 'scale' })).toBe(false);
    expect(loraHubFormat.reads({ architecture: 'mtl_lora' })).toBe(false);
    refused(() => read({ r: 'two' }), 'CONFIG_INVALID');
    refused(() => read({ attn_matrices: [] }, new Map()), 'CONFIG_INVALID');
    refused(() => read({ r: 3 }), 'TENSOR_MISSHAPEN');
    refused(() => read({}, new Map(attention(0, 'query', 'value'))), 'TENSOR_MISSING');
    refused(() => read({}, new Map([...usual(), ...attention(0, 'key')])), 'TENSOR_UNEXPECTED');
  });
});
