import { describe, expect, it } from '@jest/globals';
import {
  type AdapterFiles,
  bytesSource,
  createRegistry,
  disposeParameters,
  loadAdapter,
  mergeAdapter,
  openSafetensors,
  saveAdapter,
} from '@tfjs-peft/peft-core';
import { writeSafetensors } from '@tfjs-peft/peft-core/files';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { golden, heldTensor, paths, toArrays, twoMaps } from '../test/two-maps.js';
import { hfMethodDefinitions } from './index.js';

useTestBackend();

const registry = createRegistry(...hfMethodDefinitions);
const utf8 = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const filesOf = (name: string): AdapterFiles => {
  const { config, tensors } = golden.cases[name]!;
  return new Map([
    ['adapter_config.json', utf8(config)],
    ['adapter_model.safetensors', writeSafetensors(toArrays(tensors))],
  ]);
};

const distance = async (a: Float32Array, b: Promise<ArrayLike<number>>): Promise<number> => {
  const other = await b;
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - other[i]!)));
};

describe('methods of HF peft', () => {
  it('have a golden case each, but for the ones that HF peft 0.21 cannot write so', () => {
    const covered = new Set(Object.values(golden.cases).map(({ config }) => config['peft_type']));
    const types = hfMethodDefinitions.map(({ type }) => type);
    expect(types.filter((type) => !covered.has(type))).toEqual(['BONE', 'TRAINABLE_TOKENS']);
  });

  it.each(Object.keys(golden.cases))('%s merges to the weights that HF peft has', async (name) => {
    const host = twoMaps();
    const adapter = await loadAdapter(filesOf(name), host, registry);
    const { host: merged } = await mergeAdapter(host, adapter);
    for (const path of paths) {
      const expected = heldTensor(golden.cases[name]!.merged, path);
      const values = Float32Array.from(await merged.weight(path).data());
      expect([path, await distance(values, expected.data())]).toEqual([path, expect.closeTo(0, 5)]);
      expected.dispose();
    }
    disposeParameters(adapter.effective);
  });

  it.each(Object.keys(golden.cases))('%s is saved again number for number, with the same entries', async (name) => {
    const host = twoMaps();
    const { extraConfig, ...adapter } = await loadAdapter(filesOf(name), host, registry);
    const saved = await saveAdapter(adapter, host, { extraConfig });
    const file = await openSafetensors(bytesSource('saved', saved.get('adapter_model.safetensors')!));
    const expected = toArrays(golden.cases[name]!.tensors);
    expect([...file.tensors.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [tensor, { data }] of expected) expect(await file.readFloat32(tensor)).toEqual(data);
    const written = JSON.parse(new TextDecoder().decode(saved.get('adapter_config.json')));
    const { peft_version: version, ...original } = golden.cases[name]!.config;
    expect(typeof version).toBe('string');
    expect(written).toMatchObject({ ...original });
    disposeParameters(adapter.effective);
    host.dispose();
  });

  it('reads Bone as what MiSS was called before', async () => {
    const [from, to] = ['miss_block', 'bone_block'];
    const { config, tensors } = golden.cases['MISS, bat']!;
    const { miss_dropout: dropout, mini_r: mini, ...entries } = config;
    expect([dropout, mini]).toEqual([0, 1]);
    const renamed = Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [name.replace(from!, to!), tensor]),
    );
    const files: AdapterFiles = new Map([
      ['adapter_config.json', utf8({ ...entries, peft_type: 'BONE' })],
      ['adapter_model.safetensors', writeSafetensors(toArrays(renamed))],
    ]);
    const host = twoMaps();
    const adapter = await loadAdapter(files, host, registry);
    const { host: merged } = await mergeAdapter(host, adapter);
    const expected = heldTensor(golden.cases['MISS, bat']!.merged, paths[0]!);
    expect(await distance(Float32Array.from(await merged.weight(paths[0]!).data()), expected.data())).toBeLessThan(
      1e-5,
    );
    expected.dispose();
    disposeParameters(adapter.effective);
  });

  it('reads the ranks that HiRA has at single modules', async () => {
    const { config, tensors } = golden.cases['HIRA']!;
    const rank = 2;
    const cut = ([name, { shape, data }]: [string, { shape: number[]; data: number[] }]) => {
      if (!name.includes('query')) return [name, { shape, data }] as const;
      const [rows = 0, columns = 0] = shape;
      if (name.endsWith('hira_A'))
        return [name, { shape: [rank, columns], data: data.slice(0, rank * columns) }] as const;
      return [name, { shape: [rows, rank], data: data.filter((_, i) => i % columns < rank) }] as const;
    };
    const files: AdapterFiles = new Map([
      ['adapter_config.json', utf8({ ...config, rank_pattern: { query: rank } })],
      [
        'adapter_model.safetensors',
        writeSafetensors(toArrays(Object.fromEntries(Object.entries(tensors).map((entry) => cut(entry))))),
      ],
    ]);
    const adapter = await loadAdapter(files, twoMaps(), registry);
    expect(adapter.method.config).toMatchObject({ rank_pattern: { query: rank } });
    expect([...adapter.effective.values()].map(({ shape }) => shape)).toEqual([
      [2, 8],
      [16, 2],
      [3, 16],
      [8, 3],
    ]);
    disposeParameters(adapter.effective);
  });

  it.each([
    ['RANDLORA', { save_projection: false }, 'save_projection'],
    ['BOFT', { boft_n_butterfly_factor: 2 }, 'boft_n_butterfly_factor'],
    ['OFT', { r: 2 }, 'oft_block_size'],
    ['VBLORA, top k', { topk: 1 }, 'save_only_topk_weights'],
    ['LOHA', { bias: 'all' }, 'bias'],
  ])('%s with %j is refused, naming the entry', async (name, changes, entry) => {
    const files = new Map(filesOf(name));
    files.set('adapter_config.json', utf8({ ...golden.cases[name]!.config, ...changes }));
    await expect(loadAdapter(files, twoMaps(), registry)).rejects.toMatchObject({
      code: 'CONFIG_KEY_UNSUPPORTED',
      message: expect.stringContaining(entry),
    });
  });

  it.each([
    ['C3A', { block_size: 5 }],
    ['ROAD 1', { group_size: 6 }],
    ['VBLORA', { vector_length: 3 }],
  ])('%s with %j says which module it does not fit', async (name, changes) => {
    const files = new Map(filesOf(name));
    files.set('adapter_config.json', utf8({ ...golden.cases[name]!.config, ...changes }));
    await expect(loadAdapter(files, twoMaps(), registry)).rejects.toMatchObject({
      code: 'MODULE_SIZE_UNSUPPORTED',
      message: expect.stringContaining('attention.self.query'),
    });
  });

  it('leaves out names and patterns that this host has not, as HF peft does', async () => {
    const files = new Map(filesOf('LOHA'));
    const { config } = golden.cases['LOHA']!;
    const ranks = { ...(config['rank_pattern'] as object), 'q_proj|v_proj': 7 };
    files.set(
      'adapter_config.json',
      utf8({ ...config, target_modules: ['q_proj', 'query', 'value', 'v_proj'], rank_pattern: ranks }),
    );
    const adapter = await loadAdapter(files, twoMaps(), registry);
    expect(adapter.method.config).toMatchObject({ target_modules: ['query', 'value'] });
    disposeParameters(adapter.effective);
  });
});
