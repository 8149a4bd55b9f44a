import { readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { completeMethod, createCatalogue } from '@tfjs-peft/eval/methods';
import { readMlxLora } from '@tfjs-peft/lora';
import {
  createStream,
  describeMethod,
  disposeParameters,
  initialValues,
  inspectAdapter,
  loadAdapter,
  type MethodDescription,
  type NamedArrays,
  readParameters,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import {
  hfConfigName,
  type JsonObject,
  recordName,
  type WritableTensor,
  writeSafetensors,
} from '@tfjs-peft/peft-core/files';
import { createRandomHost, type EncoderHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { type Files, type Reader, WrongValue } from '../reader.js';

const { registry } = createCatalogue();
const describe = (type: string, config: JsonObject = {}, parts?: readonly MethodDescription[]): MethodDescription => ({
  type,
  config,
  ...(parts && { parts }),
});
const composed = (...parts: MethodDescription[]) => describe('COMPOSE', {}, [...parts, describe('HEAD')]);

const prefix = describe('PREFIX_TUNING', { prefixLength: 2, reparametrisation: 'none' });
const single: readonly MethodDescription[] = [
  describe('LORA', { rank: 2, alpha: 4 }),
  describe('LORA', { rank: 1, alpha: 1, dora: true, targets: '.*(query|value)' }),
  prefix,
  describe('IA3'),
  describe('PROMPT_TUNING', { length: 2 }),
  describe('BITFIT'),
  describe('LN_TUNING'),
];
const own: readonly MethodDescription[] = [
  composed(prefix, single[0]!, single[3]!),
  describe('SUBSPACE', { vertices: 2 }, [composed(single[0]!)]),
  composed(describe('BOTTLENECK_ADAPTER', { reductionFactor: 4 })),
];

/** Hidden size 8, one layer: files of a few kilobytes. */
const smallHost = () =>
  createRandomHost({ hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 16, vocabSize: 16 });

async function savedFiles(description: MethodDescription, host: EncoderHost): Promise<Files> {
  const method = registry.build(completeMethod(description, registry, ['ham', 'spam'], null));
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(3)));
  const effective = effectiveParameters(method, raw, host.spec);
  const files = await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host);
  disposeParameters(raw);
  disposeParameters(effective);
  return files;
}

const sameNumbers = (a: NamedArrays, b: NamedArrays) =>
  a.size === b.size &&
  [...a].every(([name, { shape, data }]) => {
    const other = b.get(name);
    return (
      other !== undefined &&
      isDeepStrictEqual([...shape], [...other.shape]) &&
      data.every((x, i) => Object.is(x, other.data[i]))
    );
  });

/** Loads; what was loaded fits its own plan and is the same after saving and loading once more. */
async function loadTwice(files: Files, host: EncoderHost): Promise<void> {
  const before = tf.memory().numTensors;
  try {
    const adapter = await loadAdapter(files, host, registry, { onWarning: () => {} });
    const values = await readParameters(adapter.effective);
    let again;
    try {
      for (const { name, shape } of adapter.method.plan(host.spec).effective)
        if (!isDeepStrictEqual([...(values.get(name)?.shape ?? [])], [...shape]))
          throw new WrongValue(`shape of ${name}`);
      again = await saveAdapter(adapter, host, { extraConfig: adapter.extraConfig });
    } finally {
      disposeParameters(adapter.effective);
    }
    const second = await loadAdapter(again, host, registry, { onWarning: () => {} });
    const secondValues = await readParameters(second.effective);
    disposeParameters(second.effective);
    if (!sameNumbers(values, secondValues)) throw new WrongValue('other numbers after saving and loading');
    // An edited record may leave the readout to the host; what is saved says which one it was.
    const described = [adapter, second].map(({ method }) =>
      JSON.stringify(describeMethod(method), (key, value: unknown) => (key === 'readout' ? undefined : value)),
    );
    if (described[0] !== described[1]) throw new WrongValue('another method after saving and loading');
  } finally {
    const left = tf.memory().numTensors - before;
    if (left !== 0) {
      // eslint-disable-next-line no-unsafe-finally -- a leak is a finding whatever else happened
      throw new WrongValue(`${left} tensors left`);
    }
  }
}

const hfWords = [
  'peft_type',
  'LORA',
  'IA3',
  'PREFIX_TUNING',
  'PROMPT_TUNING',
  'LN_TUNING',
  'SEQ_CLS',
  'target_modules',
  'all-linear',
  'rank_pattern',
  'alpha_pattern',
  'modules_to_save',
  'bias',
  'lora_only',
  'all',
  'use_rslora',
  'use_dora',
  'layers_to_transform',
  'layers_pattern',
  'exclude_modules',
  'fan_in_fan_out',
  'init_lora_weights',
  'query',
  'value',
  'encoder.layer.0.attention.self.query',
  'base_model.model.',
  '.lora_A.weight',
  '.default',
  'num_virtual_tokens',
];

const adapterReader = (
  name: string,
  seedsOf: (host: EncoderHost) => Promise<Files[]>,
  words: readonly string[] = hfWords,
): Reader => ({
  name,
  async open() {
    await tf.setBackend('cpu');
    const host = await smallHost();
    return { seeds: await seedsOf(host), words, read: (files) => loadTwice(files, host), close: () => host.dispose() };
  },
});

const withoutRecord = (files: Files): Files => new Map([...files].filter(([name]) => name !== recordName));
const hfSeeds = async (host: EncoderHost) => {
  const seeds: Files[] = [];
  for (const part of single) seeds.push(withoutRecord(await savedFiles(composed(part), host)));
  // Some methods have no form in HF peft.
  return seeds.filter((files) => files.has(hfConfigName));
};
const ownSeeds = async (host: EncoderHost) => {
  const seeds: Files[] = [];
  for (const method of [composed(single[0]!), ...own]) seeds.push(await savedFiles(method, host));
  return [seeds[0]!, ...seeds.map(withoutChecksums)];
};

/** A checksum refuses a changed file before anything else looks at it. */
function withoutChecksums(files: Files): Files {
  const {
    checksum: _checksum,
    sha256: _sha256,
    ...record
  } = JSON.parse(new TextDecoder().decode(files.get(recordName))) as Record<string, unknown>;
  return new Map(files).set(recordName, new TextEncoder().encode(JSON.stringify(record)));
}

/** Folders as HF peft writes them. */
export const hfAdapter = adapterReader('hf-adapter', hfSeeds);
/** Folders of this library, with its record. */
export const ownAdapter = adapterReader('own-adapter', ownSeeds, [
  ...hfWords,
  'COMPOSE',
  'SUBSPACE',
  'HEAD',
  'parts/0',
  'hf-peft/0.21',
  'own-names/1',
  'mean',
  'cls',
]);

/** What `inspect` says, without a host. */
export const inspectedAdapter: Reader = {
  name: 'inspect-adapter',
  async open() {
    await tf.setBackend('cpu');
    const host = await smallHost();
    const seeds = [...(await hfSeeds(host)), ...(await ownSeeds(host)), ...hubSeeds()];
    return {
      seeds,
      words: hfWords,
      read: (files) => inspectAdapter(files, { norms: true }),
      close: () => host.dispose(),
    };
  },
};

const hubGoldens = new URL('../../../../packages/eval/test/goldens/adapter-hub/bert/', import.meta.url);

/** Real folders of AdapterHub, a few kilobytes each. */
function hubSeeds(): Files[] {
  return ['lora', 'prefix-flat', 'seq-bn', 'par-bn', 'mam'].map(
    (folder) =>
      new Map(
        readdirSync(new URL(`${folder}/`, hubGoldens))
          .filter((name) => name !== 'expected.json')
          .map((name) => [name, new Uint8Array(readFileSync(new URL(`${folder}/${name}`, hubGoldens)))]),
      ),
  );
}

export const adapterHub: Reader = {
  name: 'adapter-hub',
  async open() {
    await tf.setBackend('cpu');
    const host = await createRandomHost();
    const words = [
      'architecture',
      'union',
      'configs',
      'lora',
      'prefix_tuning',
      'seq_bn',
      'reduction_factor',
      'non_linearity',
      'relu',
      'swish',
      'label2id',
      'head_type',
      'num_labels',
      'spam',
    ];
    return { seeds: hubSeeds(), words, read: (files) => loadTwice(files, host), close: () => host.dispose() };
  },
};

/** mlx-lm's form: what comes out is loaded as any folder of HF peft. */
export const mlxAdapter: Reader = {
  name: 'mlx-adapter',
  async open() {
    await tf.setBackend('cpu');
    const host = await smallHost();
    const factor = (rows: number, columns: number): WritableTensor => ({
      shape: [rows, columns],
      data: Float32Array.from({ length: rows * columns }, (_, i) => i / 7),
    });
    const path = 'encoder.layer.0.attention.self';
    const tensors = new Map(
      ['query', 'value'].flatMap((module) => [
        [`${path}.${module}.lora_a`, factor(8, 2)] as const,
        [`${path}.${module}.lora_b`, factor(2, 8)] as const,
      ]),
    );
    const config = { fine_tune_type: 'lora', lora_parameters: { rank: 2, scale: 10, dropout: 0 }, num_layers: 1 };
    const seed: Files = new Map([
      ['adapter_config.json', Buffer.from(JSON.stringify(config))],
      ['adapters.safetensors', writeSafetensors(tensors)],
    ]);
    return {
      seeds: [seed],
      words: ['.lora_a', '.lora_b', 'dora', 'full', 'rank', 'scale', 'encoder.layer.0.output.dense'],
      read: async (files) => loadTwice(await readMlxLora(files, { prefix: 'bert.' }), host),
      close: () => host.dispose(),
    };
  },
};
