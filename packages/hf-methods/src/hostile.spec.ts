import { describe, expect, it } from '@jest/globals';
import { createRegistry, createStream, disposeParameters, initialValues, loadAdapter } from '@tfjs-peft/peft-core';
import { type JsonObject, writeSafetensors } from '@tfjs-peft/peft-core/files';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { smallSpec, specOfMaps, withoutWeights } from '../test/fake-host.js';
import { golden, toArrays, twoMaps } from '../test/two-maps.js';
import { hfMethodDefinitions, oft, pvera, randlora, unilora, vblora, vera } from './index.js';
import * as methods from './methods/weight-methods.js';

useTestBackend();

/** Files made to stop or to fill whoever opens them: each must come to an end, in an error with a name or in an adapter that runs. */
const registry = createRegistry(...hfMethodDefinitions);
const utf8 = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const folder = (config: object, tensors: ReadonlyMap<string, { shape: number[]; data: Float32Array }>) =>
  new Map([
    ['adapter_config.json', utf8(config)],
    ['adapter_model.safetensors', writeSafetensors(tensors)],
  ]);
const tiny = (name: string, config: JsonObject) =>
  folder(
    { peft_type: name, task_type: null, target_modules: ['query', 'value'], ...config },
    new Map([['base_model.unilora_theta_d', { shape: [8], data: new Float32Array(8) }]]),
  );
const host = withoutWeights(specOfMaps(['query', 768, 768, 'query'], ['value', 768, 768, 'value']));

describe('a small file that asks for much', () => {
  it.each<[string, JsonObject, string]>([
    ['VERA', { r: 20_000, save_projection: false }, 'TENSOR_MISSING'],
    ['VERA', { r: 200_000, save_projection: false }, 'CONFIG_KEY_UNSUPPORTED'],
    ['VERA', { r: 1e9, save_projection: false }, 'CONFIG_KEY_UNSUPPORTED'],
    ['VERA', { r: 20_000 }, 'ADAPTER_FILES_INCONSISTENT'],
    ['PVERA', { r: 20_000, save_projection: false }, 'TENSOR_MISSING'],
    ['PVERA', { r: 1e9, save_projection: false }, 'CONFIG_KEY_UNSUPPORTED'],
    ['RANDLORA', { r: 1e9 }, 'CONFIG_KEY_UNSUPPORTED'],
    ['UNILORA', { r: 20_000, theta_d_length: 8, save_indices: true }, 'ADAPTER_FILES_INCONSISTENT'],
    ['UNILORA', { r: 1e9, theta_d_length: 8, save_indices: true }, 'CONFIG_KEY_UNSUPPORTED'],
    ['UNILORA', { r: 1e9, theta_d_length: 8 }, 'CONFIG_KEY_UNSUPPORTED'],
    ['UNILORA', { r: 2, theta_d_length: 1e12 }, 'CONFIG_INVALID'],
    ['UNILORA', { r: 2, theta_d_length: 1e7, save_indices: true }, 'ADAPTER_FILES_INCONSISTENT'],
    ['OFT', { r: 2, oft_block_size: 0, num_cayley_neumann_terms: 1e9 }, 'CONFIG_INVALID'],
  ])('%s with %j', async (type, config, code) => {
    await expect(loadAdapter(tiny(type, config), host, registry)).rejects.toMatchObject({ code });
  });

  it('never costs a plan more than its description', () => {
    const made = [
      vera({ r: 20_000 }),
      pvera({ r: 20_000, save_projection: false }),
      randlora({ r: 700, sparse: true }),
      unilora({ r: 20_000, save_indices: true }),
    ];
    for (const method of made)
      for (const { initial } of method.plan(host.spec).raw) {
        const { value } = Object.getOwnPropertyDescriptor(initial, 'values') ?? {};
        expect(value).toBeUndefined();
      }
  });
});

describe('places in a file', () => {
  const changed = (name: string, part: string, value: number) => {
    const { config, tensors } = golden.cases[name]!;
    const arrays = new Map(
      [...toArrays(tensors)].map(([key, { shape, data }]) => [
        key,
        { shape: [...shape], data: Float32Array.from(data, (own) => (key.includes(part) ? value : own)) },
      ]),
    );
    return folder(config, arrays);
  };

  it.each([
    ['VBLORA, top k', 'indices', 200],
    ['VBLORA, top k', 'indices', -1],
    ['UNILORA, stored', 'indices_A', -1.5],
    ['UNILORA, stored', 'indices_B', 0.5],
    ['UNILORA, stored', 'indices_B', 100],
  ])('%s: %s of %d is none', async (name, part, value) => {
    await expect(loadAdapter(changed(name, part, value), twoMaps(), registry)).rejects.toMatchObject({
      code: 'PLACES_INVALID',
      message: expect.stringContaining(part),
    });
  });

  it.each([
    ['VBLORA, top k', 'indices', 5],
    ['UNILORA, stored', 'indices_A', 99],
  ])('%s: %s of %d is the last one', async (name, part, value) => {
    disposeParameters((await loadAdapter(changed(name, part, value), twoMaps(), registry)).effective);
  });
});

describe('what nothing here computes', () => {
  it('is refused where it is asked for', () => {
    const unsupported = expect.objectContaining({ code: 'CONFIG_KEY_UNSUPPORTED' });
    expect(() => vblora({ num_vectors: 4, topk: 9 })).toThrow(unsupported);
    const lossy = vblora({ r: 2, num_vectors: 6, vector_length: 4, save_only_topk_weights: true });
    expect(() => initialValues(lossy.plan(smallSpec), createStream(1))).toThrow(unsupported);
    expect(() => oft({ coft: true, eps: -1 })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('holds for rates of dropout: 1 and more would leave nothing', () => {
    let rates = 0;
    for (const method of Object.values(methods)) {
      const entries = Object.keys((method.definition.config as unknown as { shape: object }).shape);
      for (const entry of entries.filter((name) => name.endsWith('_dropout'))) {
        for (const rate of [1, 7, -0.1])
          expect(() => method({ [entry]: rate })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
        rates += 1;
      }
    }
    expect(rates).toBeGreaterThan(12);
  });
});
