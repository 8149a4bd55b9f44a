import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AdapterFiles,
  compose,
  composeDefinition,
  createRegistry,
  createStream,
  head,
  headDefinition,
  initialValues,
  inspectAdapter,
  loadAdapter,
  type NamedArray,
  readParameters,
  saveAdapter,
  toParameters,
  openSafetensors,
  bytesSource,
} from '@tfjs-peft/peft-core';
import type { MethodDefinition } from '@tfjs-peft/peft-core/authoring';
import { writeSafetensors } from '@tfjs-peft/peft-core/files';
import { createRandomHost, type EncoderHost } from '@tfjs-peft/transformer';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { lora, loraDefinition } from '../src/lora.js';

useTestBackend();

/** Imperfect LoRA files and what becomes of them: the rows of the table in docs/files.md that need a LoRA. */
let host: EncoderHost;
beforeAll(async () => {
  host = await createRandomHost({ hiddenSize: 8, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 12 });
});

const registry = createRegistry(
  loraDefinition as unknown as MethodDefinition,
  headDefinition as unknown as MethodDefinition,
  composeDefinition,
);
const labels = ['a', 'b'];
const [configName, tensorsName] = ['adapter_config.json', 'adapter_model.safetensors'] as const;
const make = (options: Parameters<typeof lora>[0]) =>
  compose(lora({ rank: 2, initialisation: 'random', ...options }), head({ labels, readout: 'pooler' }));
const adapterOf = (options: Parameters<typeof lora>[0] = {}) => {
  const method = make(options);
  const start = initialValues(method.plan(host.spec), createStream(4));
  // Biases begin at a difference of zero, which would hide a lost one.
  const values = new Map(
    [...start].map(([name, { shape, data }]) => [name, { shape, data: data.map((x, i) => x + i / 8) }]),
  );
  return { method, effective: toParameters(values), hostFingerprint: host.spec.fingerprint };
};
const ours = (options?: Parameters<typeof lora>[0]) => saveAdapter(adapterOf(options), host);
const foreign = async (options?: Parameters<typeof lora>[0]) =>
  new Map([...(await ours(options))].filter(([name]) => name !== 'tfjs_peft.json'));
const load = (files: AdapterFiles) => loadAdapter(files, host, registry, { labels });
const codeOf = async (files: AdapterFiles) => {
  await expect(load(files)).rejects.toThrow();
  return load(files).catch((error: { code: string }) => error.code);
};

async function renamed(files: AdapterFiles, change: (name: string) => string | null): Promise<AdapterFiles> {
  const file = await openSafetensors(bytesSource(tensorsName, files.get(tensorsName)!));
  const tensors = new Map<string, NamedArray>();
  for (const [name, { shape }] of file.tensors) {
    const to = change(name);
    if (to !== null) tensors.set(to, { shape, data: await file.readFloat32(name) });
  }
  return new Map(files).set(tensorsName, writeSafetensors(tensors));
}
const edited = (files: AdapterFiles, changes: object): AdapterFiles => {
  const config = JSON.parse(new TextDecoder().decode(files.get(configName))) as object;
  return new Map(files).set(configName, new TextEncoder().encode(JSON.stringify({ ...config, ...changes })));
};
const same = async (files: AdapterFiles, options?: Parameters<typeof lora>[0]) => {
  const [loaded, wanted] = [await load(files), adapterOf(options)];
  const close = (arrays: ReadonlyMap<string, NamedArray>) =>
    Object.fromEntries([...arrays].map(([name, { data }]) => [name, [...data].map((x) => expect.closeTo(x, 5))]));
  const plain = (arrays: ReadonlyMap<string, NamedArray>) =>
    Object.fromEntries([...arrays].map(([name, { data }]) => [name, [...data]]));
  expect(plain(await readParameters(loaded.effective))).toEqual(close(await readParameters(wanted.effective)));
  return loaded;
};

describe('imperfect LoRA files', () => {
  it('a missing factor, and all factors under a wrong path, are errors', async () => {
    expect(
      await codeOf(
        await renamed(await foreign(), (name) => (name.endsWith('1.attention.self.value.lora_B.weight') ? null : name)),
      ),
    ).toBe('TENSOR_MISSING');
    expect(await codeOf(await renamed(await foreign(), (name) => name.replace('.self.', '.selves.')))).toBe(
      'TENSOR_MISSING',
    );
  });

  it('another rank is an error with both shapes', async () => {
    await expect(load(edited(await foreign(), { r: 4 }))).rejects.toMatchObject({
      code: 'TENSOR_MISSHAPEN',
      message: expect.stringMatching(/\[2, 8\].*\[4, 8\]/),
    });
  });

  it('known spellings of names are read and reported', async () => {
    for (const [search, replacement] of [
      ['base_model.model.', ''],
      ['base_model.model.bert.', ''],
      ['lora_A.weight', 'lora_A.default.weight'],
      ['lora_A.weight', 'lora_A.spam.weight'],
      ['classifier.', 'classifier.modules_to_save.default.'],
    ] as const) {
      const { report } = await same(await renamed(await foreign(), (name) => name.replace(search, replacement)));
      expect(report.renamed.length).toBeGreaterThan(0);
    }
  });

  it('a bias of peft before 0.7 is that of the target, and the inspector says so', async () => {
    const files = await renamed(await foreign({ bias: 'lora_only' }), (name) =>
      name.replace('.base_layer.bias', '.bias'),
    );
    const { report } = await same(files, { bias: 'lora_only' });
    expect(report.renamed).toHaveLength(4);
    expect(await inspectAdapter(edited(files, { peft_version: undefined }))).toMatchObject({
      writer: { below: '0.7.0' },
      knownDefects: [expect.stringContaining('base_layer')],
      ranks: [2],
    });
  });

  it('magnitudes of DoRA with .weight are read', async () => {
    const files = await renamed(await foreign({ dora: true }), (name) =>
      name.replace(/lora_magnitude_vector$/, 'lora_magnitude_vector.default.weight'),
    );
    expect((await same(files, { dora: true })).report.renamed).toHaveLength(4);
  });

  it('a lost scale shows in files of ours, and cannot in others', async () => {
    for (const [options, changes] of [
      [{ alpha: 4 }, { lora_alpha: 2 }],
      [{ rsLora: true }, { use_rslora: false }],
      [{ alphaPattern: { query: 5 } }, { alpha_pattern: {} }],
    ] as const) {
      expect(await codeOf(edited(await ours(options), changes))).toBe('ADAPTER_FILES_EDITED');
      await load(edited(await foreign(options), changes));
    }
  });

  it('entries of variants that are not here are errors, those that say nothing are not', async () => {
    expect(await codeOf(edited(await foreign(), { use_qalora: true }))).toBe('CONFIG_KEY_UNSUPPORTED');
    expect(await codeOf(edited(await foreign(), { init_lora_weights: 'pissa' }))).toBe('CONFIG_KEY_UNSUPPORTED');
    await same(
      edited(await foreign(), {
        use_qalora: false,
        lora_dropout: 0.3,
        loftq_config: {},
        megatron_core: 'megatron.core',
      }),
    );
  });
});
