import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Adapter,
  type AdapterFiles,
  bytesSource,
  combineAdapters,
  compose,
  composeDefinition,
  createRegistry,
  createStream,
  head,
  headDefinition,
  type Host,
  initialValues,
  loadAdapter,
  type NamedArray,
  openSafetensors,
  padBatch,
  type PeftMethod,
  readParameters,
  runAdapter,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { objectiveOfOutputs } from '@tfjs-peft/peft-core/authoring';
import { writeSafetensors } from '@tfjs-peft/peft-core/files';
import { createHost, openModelDirectory } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { preparationWith } from '../../../tools/jest/preparation-with.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { shira, shiraDefinition, sift, siftDefinition } from '../src/index.js';

useTestBackend();

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const registry = createRegistry(siftDefinition, shiraDefinition, headDefinition, composeDefinition);
const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
const jsonOf = (files: AdapterFiles, name: string) => JSON.parse(new TextDecoder().decode(files.get(name)));

let host: Host;
let golden: AdapterFiles;
let expected: { input_ids: number[][]; attention_mask: number[][]; base_logits: number[][]; logits: number[][] };
beforeAll(async () => {
  const model = await openModelDirectory(at('../../transformer/test/tiny-bert'));
  host = await createHost({ config: model.config, tensors: model.tensors, name: 'tiny-bert', onIgnored: () => {} });
  await model.close();
  const read = async (name: string) => new Uint8Array(await readFile(at(`goldens/hf-shira/${name}`)));
  golden = new Map([
    [configName, await read(configName)],
    [tensorsName, await read(tensorsName)],
  ]);
  expected = JSON.parse(await readFile(at('goldens/hf-shira/expected.json'), 'utf8'));
});
afterAll(() => host.dispose());

const inputs = () => ({
  inputIds: tf.tensor2d(expected.input_ids, undefined, 'int32'),
  attentionMask: tf.tensor2d(expected.attention_mask, undefined, 'int32'),
});
const distance = async (logits: tf.Tensor, target: number[][]) =>
  Math.max(...(await logits.sub(tf.tensor2d(target)).abs().data()));

/** The tensors of a folder, some of them exchanged. */
async function changed(
  files: AdapterFiles,
  change: (name: string, array: NamedArray) => NamedArray,
  keepRecord = true,
): Promise<AdapterFiles> {
  const file = await openSafetensors(bytesSource(tensorsName, files.get(tensorsName)!));
  const arrays = new Map<string, NamedArray>();
  for (const [name, { shape }] of file.tensors)
    arrays.set(name, change(name, { shape, data: await file.readNumbers(name) }));
  const kept = [...files].filter(([name]) => keepRecord || name !== 'tfjs_peft.json');
  return new Map([...kept, [tensorsName, writeSafetensors(arrays)]]);
}
const replaced = (array: NamedArray, places: Record<number, number>): NamedArray => {
  const data = array.data.slice();
  for (const [place, value] of Object.entries(places)) data[Number(place)] = value;
  return { shape: array.shape, data };
};

async function prepared(method: PeftMethod, spread = 0.2) {
  const whole = compose(method, head({ labels: ['a', 'b'], readout: 'pooler', initialStandardDeviation: 0.5 }));
  const stream = createStream(2);
  const batches = {
    async *[Symbol.asyncIterator]() {
      const made = padBatch([{ inputIds: [5, 6, 7, 8], tokenTypeIds: [0, 0, 0, 0] }], 0);
      try {
        yield { inputs: made, targets: [] };
      } finally {
        tf.dispose({ ...made });
      }
    },
  };
  const objective = objectiveOfOutputs('squares', ({ logits }) => logits!.square().mean() as tf.Scalar);
  const chosen = await whole.prepare!(host, preparationWith({ batches, objective, stream, shared: stream }));
  const values = new Map(
    [...initialValues(chosen.plan(host.spec), stream)].map(([name, { shape, data }]) => [
      name,
      name.endsWith('.values') ? { shape, data: data.map((_, i) => spread * (1 + (i % 7))) } : { shape, data },
    ]),
  );
  return { method: chosen, effective: toParameters(values), hostFingerprint: host.spec.fingerprint };
}
const weights = { targets: ['query.weight', 'feedForwardIn.weight'], rate: 0.1 };

describe('SHiRA of HF peft', () => {
  it('gives the logits that HF peft gave, and is written as it was', async () => {
    const { extraConfig, ...adapter } = await loadAdapter(golden, host, registry);
    expect(adapter.method.parts?.[0]?.type).toBe('SHIRA');
    const { logits } = runAdapter(host, adapter, inputs());
    expect(await distance(logits!, expected.logits)).toBeLessThan(1e-5);
    expect(await distance(logits!, expected.base_logits)).toBeGreaterThan(1e-2);
    const again = await saveAdapter(adapter, host, { extraConfig });
    const config = jsonOf(golden, configName);
    expect(jsonOf(again, configName)).toMatchObject({
      r: 2,
      mask_type: 'random',
      random_seed: 7,
      target_modules: [...config.target_modules].sort(),
    });
    expect(jsonOf(again, 'tfjs_peft.json').differences).toEqual([]);
    const second = await loadAdapter(again, host, registry);
    expect(await readParameters(second.effective)).toEqual(await readParameters(adapter.effective));
  });

  it.each<[string, Record<number, number>, string]>([
    ['beyond the rows', { 0: 10_000 }, 'out of range'],
    ['below zero', { 0: -1 }, 'out of range'],
  ])('with a place %s is refused', async (_title, places, text) => {
    const files = await changed(golden, (name, array) => (name.endsWith('indices') ? replaced(array, places) : array));
    await expect(loadAdapter(files, host, registry)).rejects.toMatchObject({
      code: 'PLACES_INVALID',
      message: expect.stringContaining(text),
    });
  });

  it('with an entry twice is refused', async () => {
    const files = await changed(golden, (name, array) => {
      if (!name.endsWith('indices')) return array;
      const length = array.shape[1]!;
      return replaced(array, { 1: array.data[0]!, [length + 1]: array.data[length]! });
    });
    await expect(loadAdapter(files, host, registry)).rejects.toMatchObject({
      code: 'PLACES_INVALID',
      message: expect.stringContaining('a second time'),
    });
  });

  it('of transposed layers is refused', async () => {
    const config = { ...jsonOf(golden, configName), fan_in_fan_out: true };
    const files = new Map([...golden, [configName, new TextEncoder().encode(JSON.stringify(config))]]);
    await expect(loadAdapter(files, host, registry)).rejects.toMatchObject({ code: 'CONFIG_KEY_UNSUPPORTED' });
  });
});

describe('increments of ours', () => {
  it('in a folder that HF peft loads: filled up with zeros to the number that it expects', async () => {
    const adapter = await prepared(sift(weights));
    const files = await saveAdapter(adapter, host);
    const config = jsonOf(files, configName);
    expect(config).toMatchObject({ peft_type: 'SHIRA', mask_type: 'random', fan_in_fan_out: false });
    expect(jsonOf(files, 'tfjs_peft.json').differences).toEqual([]);
    const { logits } = runAdapter(host, adapter, inputs());
    const foreign = await loadAdapter(await changed(files, (_, array) => array, false), host, registry);
    expect(foreign.method.parts?.[0]?.type).toBe('SHIRA');
    expect(await distance(runAdapter(host, foreign, inputs()).logits!, (await logits!.array()) as number[][])).toBe(0);
    const own = await loadAdapter(files, host, registry);
    expect(await readParameters(own.effective)).toEqual(await readParameters(adapter.effective));
    const file = await openSafetensors(bytesSource(tensorsName, files.get(tensorsName)!));
    for (const [name, { shape, dtype }] of file.tensors)
      if (name.endsWith('shira_indices')) {
        expect([shape[0], dtype]).toEqual([2, 'I32']);
        const places = await file.readNumbers(name);
        const length = shape[1]!;
        const pairs = new Set(Array.from({ length }, (_, i) => `${places[i]} ${places[length + i]}`));
        expect(pairs.size).toBe(length);
      }
  });

  it('say what HF peft has no place for', async () => {
    const { differences } = jsonOf(await saveAdapter(await prepared(sift()), host), 'tfjs_peft.json');
    expect(differences).toEqual([expect.stringContaining('no place for increments of what is not an affine map')]);
    const vectors = jsonOf(await saveAdapter(await prepared(sift({ targets: ['norms'] })), host), 'tfjs_peft.json');
    expect(vectors.differences.join()).toContain('without an affine map');
    const all = jsonOf(await saveAdapter(await prepared(sift({ ...weights, rate: 1 })), host), 'tfjs_peft.json');
    expect(all.differences.join()).toMatch(/so large a share|^$/);
  });

  it.each<[string, (array: NamedArray) => NamedArray, string]>([
    [
      'unsorted',
      (array) => {
        const length = array.shape[1]!;
        const { data } = array;
        return replaced(array, { 0: data[1]!, 1: data[0]!, [length]: data[length + 1]!, [length + 1]: data[length]! });
      },
      'not sorted',
    ],
    [
      'double',
      (array) => replaced(array, { 1: array.data[0]!, [array.shape[1]! + 1]: array.data[array.shape[1]!]! }),
      'a second time',
    ],
    ['out of range', (array) => replaced(array, { 0: 999 }), 'out of range'],
  ])('with %s places are refused', async (_title, change, text) => {
    const files = await saveAdapter(await prepared(sift(weights)), host);
    const broken = await changed(files, (name, array) => (name.endsWith('shira_indices') ? change(array) : array));
    await expect(loadAdapter(broken, host, registry)).rejects.toMatchObject({
      code: 'PLACES_INVALID',
      message: expect.stringContaining(text),
    });
  });

  it('of vectors and tables with places out of order are refused as well, and when they are saved', async () => {
    const adapter = await prepared(sift({ targets: ['norms', 'word_embeddings'], rate: 0.2 }));
    const files = await saveAdapter(adapter, host);
    const broken = await changed(files, (name, array) =>
      name.endsWith('word_embeddings.sift_weight_indices') ? replaced(array, { 0: array.data[1]! }) : array,
    );
    await expect(loadAdapter(broken, host, registry)).rejects.toMatchObject({ code: 'PLACES_INVALID' });
    const name = 'sift.embeddings.word_embeddings.weight.indices';
    const effective = new Map([...adapter.effective, [name, adapter.effective.get(name)!.reverse()]]);
    await expect(saveAdapter({ ...adapter, effective }, host)).rejects.toMatchObject({ code: 'PLACES_INVALID' });
  });

  it('with numbers where HF peft is given zeros are another adapter', async () => {
    const files = await saveAdapter(await prepared(sift(weights)), host);
    const last = (array: NamedArray) => replaced(array, { [array.data.length - 1]: 0.5 });
    const change = (name: string, array: NamedArray) => (name.endsWith('shira_weight') ? last(array) : array);
    await expect(loadAdapter(await changed(files, change), host, registry)).rejects.toMatchObject({
      code: 'ADAPTER_FILES_INCONSISTENT',
    });
    const trainedOn = await loadAdapter(await changed(files, change, false), host, registry);
    expect(trainedOn.method.parts?.[0]?.type).toBe('SHIRA');
  });

  it('with another length are refused', async () => {
    const files = await saveAdapter(await prepared(sift(weights)), host);
    const cut = await changed(files, (name, array) =>
      name.endsWith('shira_weight') ? { shape: [array.data.length - 1], data: array.data.slice(1) } : array,
    );
    await expect(loadAdapter(cut, host, registry)).rejects.toMatchObject({ code: 'TENSOR_MISSHAPEN' });
  });

  it('of other places are combined entry by entry', async () => {
    const [one, two] = [await prepared(sift({ ...weights, selection: 'random' })), await prepared(sift(weights), 0.1)];
    const sum = await combineAdapters(
      [
        { adapter: one, weight: 1 },
        { adapter: two, weight: 1 },
      ],
      host.spec,
    );
    const plain = (await readParameters(sum.effective)).get(
      'sift.encoder.layer.0.attention.self.query.weight.indices',
    )!;
    const own = await Promise.all([one, two].map(({ effective }) => readParameters(effective)));
    const union = new Set(
      own.flatMap((arrays) => [...arrays.get('sift.encoder.layer.0.attention.self.query.weight.indices')!.data]),
    );
    expect([...plain.data]).toEqual([...union].sort((a, b) => a - b));
  });

  /** Half of each, which can be saved and loaded. */
  const combined = async (one: Adapter, two: Adapter) => {
    const members = [one, two].map((adapter) => ({ adapter, weight: 0.5 }));
    const sum = await combineAdapters(members, host.spec);
    const again = await loadAdapter(await saveAdapter(sum, host), host, registry);
    expect(await readParameters(again.effective)).toEqual(await readParameters(sum.effective));
    return { sum, numbers: await readParameters(sum.effective) };
  };
  const query = 'encoder.layer.0.attention.self.query.weight';
  const value = 'encoder.layer.0.attention.self.value.weight';

  it('that are pulled to zero combine to such as are not: they have no pretrained values', async () => {
    const decay = { toward: 'zero', rate: 0.1 } as const;
    const one = await prepared(sift({ targets: ['query.weight'], rate: 0.1, decay }));
    const { sum, numbers } = await combined(one, one);
    expect(sum.method.parts![0]!.config).toMatchObject({ decay: null });
    const own = await readParameters(one.effective);
    expect(new Set(numbers.keys())).toEqual(new Set([...own.keys()].filter((name) => !name.endsWith('.base'))));
    expect(numbers.get(`sift.${query}.values`)).toEqual(own.get(`sift.${query}.values`));
  });

  it.each([
    ['lists', ['query.weight'], ['value.weight', 'query.bias']],
    ['an expression and a list', '.*query\\.weight', ['value.weight', 'key.bias', 'query.bias']],
  ])('of other targets combine over the targets of all: %s', async (_title, first, second) => {
    const config = { rate: 0.1, selection: 'gradient' } as const;
    const [one, two] = [
      await prepared(sift({ ...config, targets: second })),
      await prepared(sift({ ...config, targets: first }), 0.1),
    ];
    const { sum, numbers } = await combined(one, two);
    expect(sum.method.plan(host.spec).notes ?? []).toEqual([]);
    for (const [adapter, path] of [
      [two, query],
      [one, value],
    ] as const) {
      const own = await readParameters(adapter.effective);
      const { data } = own.get(`sift.${path}.values`)!;
      expect([...numbers.get(`sift.${path}.values`)!.data]).toEqual([...data].map((number) => Math.fround(number / 2)));
      expect(numbers.get(`sift.${path}.indices`)).toEqual(own.get(`sift.${path}.indices`));
    }
  });

  it('combine where HF peft trained them', async () => {
    const loaded = await loadAdapter(golden, host, registry);
    const { numbers } = await combined(loaded, loaded);
    expect(numbers).toEqual(await readParameters(loaded.effective));
  });

  it('combine as SHiRA does of other maps', async () => {
    const [one, two] = [
      await prepared(shira({ rank: 2, targets: ['query'] })),
      await prepared(shira({ rank: 2, targets: ['value'] })),
    ];
    const { numbers } = await combined(one, two);
    for (const path of [query, value]) expect(numbers.has(`shira.${path}.values`)).toBe(true);
  });
});

it('shira() has as many numbers as LoRA of its rank', () => {
  const { raw } = shira({ rank: 3 }).plan(host.spec);
  const { hiddenSize } = host.spec;
  expect(raw.map(({ shape }) => shape[0])).toEqual(raw.map(() => 3 * 2 * hiddenSize));
});
