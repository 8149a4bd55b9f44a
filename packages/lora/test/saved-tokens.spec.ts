import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AdapterFiles,
  bytesSource,
  compose,
  composeDefinition,
  createRegistry,
  disposeParameters,
  head,
  headDefinition,
  type Host,
  isPeftError,
  loadAdapter,
  mergeAdapter,
  type NamedArray,
  openSafetensors,
  runAdapter,
  saveAdapter,
  savedModulesDefinition,
  savedTokens,
  type SavedTokensConfig,
  savedTokensDefinition,
} from '@tfjs-peft/peft-core';
import { type JsonObject, writeSafetensors } from '@tfjs-peft/peft-core/files';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { lora, loraDefinition } from '../src/lora.js';
import { randomValues, smallHost, someInputs } from './small-host.js';

useTestBackend();

const registry = createRegistry(
  loraDefinition,
  headDefinition,
  composeDefinition,
  savedModulesDefinition,
  savedTokensDefinition,
);
const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
const words = 'base_model.model.bert.embeddings.word_embeddings';
const rows = `${words}.token_adapter.trainable_tokens_delta`;
type Entry = SavedTokensConfig['trainable_token_indices'];

let host: Host;
beforeAll(async () => {
  host = await smallHost();
});
afterAll(() => host.dispose());

/** Token 9 is in the texts of `someInputs`, as is 3; 15 is not. */
const entry: Entry = [9, 15, 3];
const method = (indices: Entry, targets = ['query']) =>
  compose(
    lora({ rank: 2, targets }),
    savedTokens({ trainable_token_indices: indices }),
    head({ labels: ['a', 'b', 'c'], readout: 'pooler' }),
  );

/** Such an adapter as a folder, with its logits. */
async function written(indices: Entry = entry, targets?: string[]) {
  const made = method(indices, targets);
  const adapter = {
    method: made,
    effective: randomValues(made, host.spec),
    hostFingerprint: host.spec.fingerprint,
  };
  const files = await saveAdapter(adapter, host);
  const logits = await logitsOf(adapter);
  disposeParameters(adapter.effective);
  return { files, logits };
}

const asOfPeft = (files: AdapterFiles) => new Map([...files].filter(([name]) => name !== 'tfjs_peft.json'));
const jsonOf = (files: AdapterFiles, name = configName) => JSON.parse(new TextDecoder().decode(files.get(name)));
const changed = (files: AdapterFiles, changes: JsonObject): AdapterFiles =>
  new Map(asOfPeft(files)).set(configName, new TextEncoder().encode(JSON.stringify({ ...jsonOf(files), ...changes })));
const codeOf = (files: AdapterFiles) =>
  loadAdapter(files, host, registry).then(
    () => 'no error',
    (error) => (isPeftError(error) ? error.code : String(error)),
  );

async function logitsOf(adapter: Parameters<typeof runAdapter>[1], on = host): Promise<Float32Array> {
  const { logits } = runAdapter(on, adapter, someInputs());
  return Float32Array.from(await logits!.data());
}

async function tensorsOf(files: AdapterFiles): Promise<Map<string, NamedArray>> {
  const file = await openSafetensors(bytesSource(tensorsName, files.get(tensorsName)!));
  const arrays = new Map<string, NamedArray>();
  for (const [name, { shape }] of file.tensors) arrays.set(name, { shape, data: await file.readFloat32(name) });
  return arrays;
}

const withTensors = async (files: AdapterFiles, change: (tensors: Map<string, NamedArray>) => void) => {
  const tensors = await tensorsOf(files);
  change(tensors);
  return new Map(files).set(tensorsName, writeSafetensors(tensors));
};

const difference = (one: Float32Array, other: Float32Array) =>
  Math.max(...one.map((value, i) => Math.abs(value - other[i]!)));

describe('single tokens that HF peft trains beside a LoRA', () => {
  it.each<[string, Entry]>([
    ['a list', entry],
    ['names', { word_embeddings: [3, 9], 'bert.embeddings.position_embeddings': [1] }],
  ])('of %s are loaded, act, merge and are saved again to the bit', async (_, indices) => {
    const { files, logits } = await written(indices);
    const adapter = await loadAdapter(asOfPeft(files), host, registry);
    expect(adapter.method.parts?.map(({ type }) => type)).toEqual(['LORA', 'SAVED_TOKENS', 'HEAD']);
    expect(difference(await logitsOf(adapter), logits)).toBeLessThan(1e-6);
    const { host: merged, rest } = await mergeAdapter(host, adapter);
    expect(difference(await logitsOf(rest!, merged), logits)).toBeLessThan(1e-5);
    const again = await saveAdapter(adapter, host, { extraConfig: adapter.extraConfig });
    expect(again.get(tensorsName)).toEqual(files.get(tensorsName));
    expect(jsonOf(again)).toEqual(jsonOf(files));
    expect(jsonOf(again).trainable_token_indices).toEqual(indices);
    expect(jsonOf(again, 'tfjs_peft.json').differences).toEqual([]);
    const reloaded = await loadAdapter(again, host, registry);
    expect(difference(await logitsOf(reloaded), logits)).toBeLessThan(1e-6);
    merged.dispose();
    for (const { effective } of [adapter, reloaded]) disposeParameters(effective);
  });

  it('are whole rows under the names of HF peft, in the order of the ids', async () => {
    const table = host.weight('embeddings.word_embeddings.weight');
    const stored = { shape: [3, 8], data: Float32Array.from({ length: 24 }, (_, i) => i / 10) };
    const files = await withTensors((await written()).files, (tensors) => tensors.set(rows, stored));
    const adapter = await loadAdapter(asOfPeft(files), host, registry);
    const { host: merged } = await mergeAdapter(host, adapter);
    const [own, now] = await Promise.all(
      [table, merged.weight('embeddings.word_embeddings.weight')].map((tensor) => tensor.data()),
    );
    const rowOf = (data: ArrayLike<number>, token: number) => Array.from(data).slice(token * 8, token * 8 + 8);
    for (const [token, place] of [
      [9, 0],
      [15, 1],
      [3, 2],
    ] as const)
      expect(rowOf(now!, token)).toEqual(rowOf(stored.data, place).map((value) => expect.closeTo(value, 6)));
    expect(rowOf(now!, 7)).toEqual(rowOf(own!, 7));
    merged.dispose();
    disposeParameters(adapter.effective);
  });

  it('are read beside the whole table if that is the host’s own, and refused if not', async () => {
    const { files, logits } = await written();
    const own = host.weight('embeddings.word_embeddings.weight');
    const data = Float32Array.from(await own.data());
    const name = `${words}.token_adapter.base_layer.weight`;
    const adapter = await loadAdapter(
      asOfPeft(await withTensors(files, (tensors) => tensors.set(name, { shape: own.shape, data }))),
      host,
      registry,
    );
    expect(difference(await logitsOf(adapter), logits)).toBeLessThan(1e-6);
    disposeParameters(adapter.effective);
    const other = { shape: own.shape, data: data.map((value) => value + 1) };
    expect(await codeOf(asOfPeft(await withTensors(files, (tensors) => tensors.set(name, other))))).toBe(
      'CONFIG_KEY_UNSUPPORTED',
    );
  });

  it.each<[string, unknown, string]>([
    ['an id twice', [9, 15, 9], 'TOKENS_OUTSIDE'],
    ['an id outside the table', [9, 15, 20], 'TOKENS_OUTSIDE'],
    ['a negative id', [9, 15, -1], 'CONFIG_INVALID'],
    ['no id', [], 'CONFIG_INVALID'],
    ['another number of ids', [9, 15], 'TENSOR_MISSHAPEN'],
    ['a module that is no table', { 'self.query': [3] }, 'CONFIG_KEY_UNSUPPORTED'],
    ['a table under two names', { word_embeddings: [3], 'embeddings.word_embeddings': [9] }, 'CONFIG_KEY_UNSUPPORTED'],
    ['text', 'word_embeddings', 'CONFIG_INVALID'],
    ['rows without the entry', null, 'TENSOR_UNEXPECTED'],
  ])('with %s are refused', async (_, indices, code) => {
    const { files } = await written();
    expect(await codeOf(changed(files, { trainable_token_indices: indices as JsonObject }))).toBe(code);
  });

  it('must be in the file, and beside a LoRA', async () => {
    const { files } = await written();
    expect(await codeOf(asOfPeft(await withTensors(files, (tensors) => tensors.delete(rows))))).toBe('TENSOR_MISSING');
    const edited = new Map(changed(files, { trainable_token_indices: [9, 15, 4] }));
    expect(await codeOf(edited.set('tfjs_peft.json', files.get('tfjs_peft.json')!))).toBe('ADAPTER_FILES_EDITED');
  });

  it('of a table that LoRA changes as well are saved with the note that HF peft has no such adapter', async () => {
    const { files } = await written(entry, ['query', 'word_embeddings']);
    expect(jsonOf(files, 'tfjs_peft.json').differences).toEqual([expect.stringContaining('word_embeddings')]);
    expect(await codeOf(asOfPeft(files))).toBe('CONFIG_KEY_UNSUPPORTED');
    expect(await codeOf(files)).toBe('no error');
  });
});
