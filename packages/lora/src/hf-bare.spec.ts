import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Adapter,
  combineAdapters,
  compose,
  type Host,
  leavesOf,
  saveAdapter,
  savedModules,
  savedTokens,
} from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { hfFolder, jsonIn, load, randomAdapter, tensorsIn } from '../test/hf-folders.js';
import { smallHost } from '../test/small-host.js';
import type { LoraConfig } from './config.js';
import { lora } from './lora.js';
import { planTargets } from './plan-targets.js';

useTestBackend();

let host: Host;
beforeAll(async () => {
  host = await smallHost();
});
afterAll(() => host.dispose());

type Options = NonNullable<Parameters<typeof lora>[0]>;
const bare = { task_type: 'FEATURE_EXTRACTION', auto_mapping: null };
const query = (layer: number) => `encoder.layer.${layer}.attention.self.query`;

/** Scales by path, as the loaded configuration gives them. */
const scales = (adapter: Adapter) => {
  const config = leavesOf(adapter.method).find(({ type }) => type === 'LORA')!.config as LoraConfig;
  return Object.fromEntries(planTargets(config, host.spec).map(({ path, scale }) => [path, scale]));
};
const folder = (config: Options, changes: JsonObject, isBare = true) =>
  hfFolder(lora(config), host, { ...(isBare && bare), modules_to_save: null, ...changes }, (tensors) => {
    for (const [name, tensor] of isBare ? [...tensors] : []) {
      tensors.delete(name);
      tensors.set(name.replace('.bert.', '.'), tensor);
    }
  });

describe('patterns of an adapter around an encoder alone are held against its own names', () => {
  const config = { rank: 2, alpha: 2, targets: ['query'] };
  const of = (first: number, second: number) => ({ [query(0)]: first, [query(1)]: second });

  it.each<[string, JsonObject, boolean, Record<string, number>]>([
    ['at the start of a name', { alpha_pattern: { [`^${query(0)}`]: 20 } }, true, of(10, 1)],
    ["with the base model's name", { alpha_pattern: { [`bert.${query(0)}`]: 20 } }, true, of(1, 1)],
    ['at a dotted end', { alpha_pattern: { 'layer.0.attention.self.query': 20 } }, true, of(10, 1)],
    ['of no target', { alpha_pattern: { key: 20 }, rank_pattern: { value: 3 } }, true, of(1, 1)],
    ["in a classifier, with the base model's name", { alpha_pattern: { [`^bert.${query(0)}`]: 20 } }, false, of(10, 1)],
    ['in a classifier, without it', { alpha_pattern: { [`^${query(0)}`]: 20 } }, false, of(1, 1)],
    ['in a classifier, of no target', { alpha_pattern: { key: 20 } }, false, of(1, 1)],
    ['the first that fits', { alpha_pattern: { [`^${query(0)}`]: 20, query: 4 } }, true, of(10, 2)],
  ])('%s', async (_, changes, isBare, expected) => {
    const back = await load(await folder(config, { task_type: 'FEATURE_EXTRACTION', ...changes }, isBare), host);
    expect(scales(back)).toEqual(expected);
  });

  it.each<[string, JsonObject]>([
    ['exclude_modules', { exclude_modules: 'encoder\\.layer\\.0\\..*' }],
    ['target_modules', { target_modules: 'encoder\\.layer\\.1\\..*query' }],
    ['layers', { layers_to_transform: [1] }],
  ])('%s', async (_, changes) => {
    const files = await folder({ ...config, layers: [1] }, { layers_to_transform: null, ...changes });
    expect(Object.keys(scales(await load(files, host)))).toEqual([query(1)]);
  });
});

it('whole names of an encoder alone are targets whatever layers are meant', async () => {
  const files = await folder(
    { rank: 2, targets: ['query'] },
    { target_modules: ['query', query(1)], layers_to_transform: [0] },
  );
  expect(Object.keys(scales(await load(files, host)))).toEqual([query(0), query(1)]);
});

describe('patterns are written with the names of the class that the file is for', () => {
  const written = async (adapter: Adapter, isBare = true) => {
    const files = await saveAdapter(adapter, host, isBare ? { extraConfig: bare } : {});
    const foreign = new Map([...files].filter(([name]) => name !== 'tfjs_peft.json'));
    for (const own of isBare ? [files, foreign] : [files])
      expect(scales(await load(own, host))).toEqual(scales(adapter));
    return jsonIn(files);
  };
  const of = (config: Options) => randomAdapter(lora({ targets: ['query'], ...config }), host);

  it.each<[string, Options, JsonObject]>([
    ['alphas', { alphaPattern: { [`bert.${query(0)}`]: 20 } }, { alpha_pattern: { [query(0)]: 20 } }],
    ['alphas at an end', { alphaPattern: { 'layer.0.*': 20 } }, { alpha_pattern: { 'layer.0.*': 20 } }],
    ['ranks', { rankPattern: { [`^bert.${query(1)}`]: 3 } }, { rank_pattern: { [query(1)]: 3 } }],
    ['targets', { targets: 'bert\\..*1.*query' }, { target_modules: [query(1)] }],
    ['targets of both', { targets: '.*query' }, { target_modules: '.*query' }],
    ['whole names', { targets: [`bert.${query(0)}`] }, { target_modules: [query(0)] }],
    ['layers', { layers: [1], layersPattern: 'layer' }, { target_modules: ['query'], layers_to_transform: [1] }],
  ])('%s', async (_, config, expected) => {
    expect(await written(of(config))).toMatchObject(expected);
    await written(of(config), false);
  });

  it('exclusions', async () => {
    const { exclude_modules: exclude } = await written(of({ exclude: 'bert\\.encoder\\.layer\\.0\\..*' }));
    expect(exclude).toContain(query(0));
    expect(exclude).not.toContain(query(1));
  });

  it('of what was combined', async () => {
    const [a, b] = [of({ rank: 2 }), of({ rank: 3, targets: ['query', 'value'] })];
    const mixed = await combineAdapters(
      [a, b].map((adapter) => ({ adapter, weight: 0.5 })),
      host.spec,
      {
        byType: { LORA: { strategy: 'cat' } },
      },
    );
    const config = await written(mixed);
    expect(JSON.stringify([config['rank_pattern'], config['alpha_pattern'], config['target_modules']])).not.toContain(
      'bert.',
    );
  });

  it('of tokens and modules beside it', async () => {
    const method = compose(
      lora(),
      savedTokens({ trainable_token_indices: { 'bert.embeddings.word_embeddings': [3] } }),
      savedModules({ tensors: ['pooler.dense.weight', 'pooler.dense.bias'], modules: ['bert.pooler'] }),
    );
    const config = await written(randomAdapter(method, host));
    expect(config).toMatchObject({
      trainable_token_indices: { 'embeddings.word_embeddings': [3] },
      modules_to_save: ['pooler'],
    });
    const files = await saveAdapter(randomAdapter(method, host), host, { extraConfig: bare });
    for (const name of (await tensorsIn(files)).keys()) expect(name).not.toContain('bert');
  });
});
