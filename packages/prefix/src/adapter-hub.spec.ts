import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AdapterFiles,
  composeDefinition,
  createRegistry,
  createStream,
  headDefinition,
  initialValues,
  loadAdapter,
  type NamedArray,
  readParameters,
  runAdapter,
  saveAdapter,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters, type MethodDefinition, normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import { type AdapterHubPart, writeSafetensors } from '@tfjs-peft/peft-core/files';
import { createRandomHost, type EncoderHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { prefixHubFormat } from './adapter-hub.js';
import { prefix, prefixDefinition } from './prefix.js';

useTestBackend();

/** Files of the layout of adapters 1.2.0; those that the library itself wrote are tested in packages/eval. */
let host: EncoderHost;
beforeAll(async () => {
  host = await createRandomHost({ hiddenSize: 8, numHiddenLayers: 3, numAttentionHeads: 4, intermediateSize: 16 });
});

const registry = createRegistry(
  prefixDefinition as unknown as MethodDefinition,
  headDefinition as unknown as MethodDefinition,
  composeDefinition,
);
const seed = createStream(8);
const random = (name: string, ...shape: number[]): [string, NamedArray] => [
  name,
  { shape, data: normals(substream(seed, name), sizeOf(shape)) },
];
const flatEntries = { architecture: 'prefix_tuning', flat: true, prefix_length: 3, cross_prefix: true, leave_out: [] };
const mlpEntries = { ...flatEntries, flat: false, bottleneck_size: 5, non_linearity: 'tanh', use_gating: false };
const start = 'prefix_tuning.prefix_tunings.spam.self_prefix.';
const flat = (layers: number) => new Map([random(`${start}control_trans`, 3 * layers * 2 * 8)]);
const mlp = (layers: number) =>
  new Map([
    random(`${start}wte.weight`, 3, 8),
    random(`${start}control_trans.0.weight`, 5, 8),
    random(`${start}control_trans.0.bias`, 5),
    random(`${start}control_trans.2.weight`, layers * 2 * 8, 5),
    random(`${start}control_trans.2.bias`, layers * 2 * 8),
  ]);
const filesOf = (config: object, tensors: ReadonlyMap<string, NamedArray>): AdapterFiles =>
  new Map([
    [
      'adapter_config.json',
      new TextEncoder().encode(
        JSON.stringify({ config, hidden_size: 8, model_type: 'bert', name: 'spam', version: 'adapters.1.2.0' }),
      ),
    ],
    ['adapter.safetensors', writeSafetensors(new Map([...tensors].map(([name, array]) => [`bert.${name}`, array])))],
  ]);
const read = (config: object, tensors: ReadonlyMap<string, NamedArray>) => () =>
  prefixHubFormat.read({ config, tensors, name: 'spam', version: null, inUnion: false } as AdapterHubPart, host.spec);
const refused = (run: () => unknown, code: string) => expect(run).toThrow(expect.objectContaining({ code }));

describe('a prefix of AdapterHub', () => {
  it('is the prefix of ours that has the same numbers and leaves positions alone', async () => {
    const ours = prefix({ prefixLength: 3, reparametrisation: 'none' });
    const arrays = initialValues(ours.plan(host.spec), seed);
    // HF's table is the long vector of AdapterHub, row by row.
    const { data } = ours.files!.encode(arrays, host.spec, new Map()).tensors.get('prompt_embeddings')!;
    const files = filesOf(flatEntries, new Map([[`${start}control_trans`, { shape: [data.length], data }]]));
    const imported = await loadAdapter(files, host, registry);
    expect(imported.method.config).toMatchObject({ positionPolicy: 'none', reparametrisation: 'none', layers: null });
    const inputs = {
      inputIds: tf.tensor2d([[2, 3, 4, 5]], undefined, 'int32'),
      attentionMask: tf.ones([1, 4], 'int32') as tf.Tensor2D,
    };
    const run = (adapter: Parameters<typeof runAdapter>[1]) => runAdapter(host, adapter, inputs).lastHiddenState;
    const wanted = run({ method: ours, effective: toParameters(arrays), hostFingerprint: '' });
    expect([...(await run(imported).data())]).toEqual([...(await wanted.data())]);
    const shifted = prefix({ prefixLength: 3, reparametrisation: 'none', positionPolicy: 'shift' });
    const moved = run({ method: shifted, effective: imported.effective, hostFingerprint: '' });
    expect((await moved.sub(wanted).abs().max().data())[0]).toBeGreaterThan(1e-3);
  });

  it('with an MLP is what our MLP of the same numbers gives', async () => {
    const tensors = mlp(3);
    const { effective } = read(mlpEntries, tensors)();
    const ours = prefix({ prefixLength: 3, mlpHiddenSize: 5 });
    const names = ours.plan(host.spec).raw.map(({ name }) => name);
    const raw = new Map(
      [...tensors.values()].map(({ shape, data }, index) => {
        const stored = tf.tensor(data, [...shape]);
        return [names[index]!, index === 0 || shape.length === 1 ? stored : stored.transpose()];
      }),
    );
    const wanted = await readParameters(effectiveParameters(ours, raw, host.spec));
    expect([...effective.keys()]).toEqual([...wanted.keys()]);
    for (const [name, { shape, data }] of wanted) {
      expect(effective.get(name)!.shape).toEqual(shape);
      data.forEach((value, index) => expect(effective.get(name)!.data[index]).toBeCloseTo(value, 4));
    }
    const ejected = read(mlpEntries, flat(3))();
    expect(ejected.effective).toEqual(read(flatEntries, flat(3))().effective);
  });

  it('counts adapted layers only: the second pair of places belongs to layer 2 if layer 1 is left out', async () => {
    const tensors = flat(2);
    const { config, effective } = read({ ...flatEntries, leave_out: [1] }, tensors)();
    expect(config.layers).toEqual([0, 2]);
    expect([...effective.keys()].map((name) => /layer\.(\d)/.exec(name)![1])).toEqual(['0', '0', '2', '2']);
    const values = effective.get('prefix.encoder.layer.2.attention.self.values')!;
    // Position 1 of 3, place 2 · 1 + 1 of 4, head 3 of 4, second of its two numbers.
    expect(values.data[(3 * 3 + 1) * 2 + 1]).toBe(
      tensors.get(`${start}control_trans`)!.data[(1 * 4 + 3) * 8 + 3 * 2 + 1],
    );
    // HF peft has no prefix in some layers: saved under own names, and the same again.
    const adapter = await loadAdapter(filesOf({ ...flatEntries, leave_out: [1] }, tensors), host, registry);
    const files = await saveAdapter(adapter, host);
    expect([...files.keys()].sort()).toEqual(['adapter_model.safetensors', 'tfjs_peft.json']);
    const again = await loadAdapter(files, host, registry);
    expect(await readParameters(again.effective)).toEqual(await readParameters(adapter.effective));
  });

  it('may stand in the file again under each layer, if it is the same there', () => {
    const copy = (layer: number, [name, array]: [string, NamedArray]): [string, NamedArray] => [
      `encoder.layer.${layer}.attention.self.${name.replace('prefix_tuning.', 'prefix_tuning.pool.')}`,
      array,
    ];
    const copies = new Map([...mlp(3)].flatMap((entry) => [entry, copy(0, entry), copy(2, entry)]));
    expect(read(mlpEntries, copies)().effective).toEqual(read(mlpEntries, mlp(3))().effective);
    const [name, { shape, data }] = copy(2, [...mlp(3)][1]!);
    copies.set(name, { shape, data: data.map((value, index) => (index === 7 ? value + 1 : value)) });
    refused(read(mlpEntries, copies), 'TENSOR_UNEXPECTED');
  });

  it('of DistilBERT is found under its own name there', () => {
    const tensors = new Map([...flat(3)].map(([name, array]) => [name.replace('self_prefix', 'self'), array]));
    expect(read(flatEntries, tensors)().effective).toEqual(read(flatEntries, flat(3))().effective);
  });

  it('is refused with gates, with entries that nobody knows, and with tensors that do not fit', () => {
    refused(read({ ...mlpEntries, use_gating: true }, mlp(3)), 'CONFIG_KEY_UNSUPPORTED');
    const gate = random('encoder.layer.0.attention.self.prefix_tuning.prefix_gates.spam.weight', 1, 8);
    refused(read(mlpEntries, new Map([...mlp(3), gate])), 'CONFIG_KEY_UNSUPPORTED');
    refused(read({ ...mlpEntries, non_linearity: 'gelu' }, mlp(3)), 'CONFIG_KEY_UNSUPPORTED');
    refused(read({ ...flatEntries, prefix_scale: 2 }, flat(3)), 'CONFIG_KEY_UNSUPPORTED');
    refused(read({ ...flatEntries, prefix_length: 1e12 }, flat(3)), 'TENSOR_MISSHAPEN');
    refused(read({ ...flatEntries, prefix_length: 2.5 }, flat(3)), 'CONFIG_INVALID');
    refused(read({ ...flatEntries, leave_out: 'all' }, flat(3)), 'CONFIG_INVALID');
    refused(read({ ...flatEntries, leave_out: [0, 1, 2] }, flat(3)), 'CONFIG_INVALID');
    refused(read(flatEntries, flat(2)), 'TENSOR_MISSHAPEN');
    refused(read(flatEntries, new Map()), 'TENSOR_MISSING');
    refused(read(flatEntries, new Map([...flat(3), random(`${start}more`, 1)])), 'TENSOR_UNEXPECTED');
    refused(() => prefix({ layers: [3] }).plan(host.spec), 'TARGET_UNMATCHED');
  });
});
