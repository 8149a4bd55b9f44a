import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { type HostSpec, type PeftError, type Site } from '@tfjs-peft/peft-core';
import { hfPath, hfSelector, valuesByPattern } from '@tfjs-peft/peft-core/files';
import { minilmSpec } from '../test/minilm-spec.js';
import { parseConfig } from '@tfjs-peft/peft-core/authoring';
import { loraConfig } from './config.js';
import { planTargets } from './plan-targets.js';
import { selectTargets } from './select-targets.js';

interface Selection {
  target_modules: string | string[];
  exclude_modules?: string | string[];
  layers_to_transform?: number | number[];
  layers_pattern?: string | string[];
  selected: string[];
}
const golden: {
  names: string[];
  selections: Selection[];
  patterns: { patterns: string[]; hits: (string | null)[] }[];
} = JSON.parse(readFileSync(new URL('../goldens/targets.json', import.meta.url), 'utf8'));

/** The modules of the golden as sites. */
const host: HostSpec = {
  ...minilmSpec,
  name: 'tiny',
  numHiddenLayers: 2,
  sites: golden.names
    .filter((name) => name.startsWith('bert.'))
    .map((name): Site => {
      const path = name.slice('bert.'.length);
      const layer = /layer\.(\d+)/.exec(path)?.[1];
      return path.endsWith('embeddings')
        ? { kind: 'table', path, rows: 11, size: 6 }
        : { kind: 'linear', path, inputSize: 6, outputSize: 6, ...(layer && { layer: Number(layer) }) };
    }),
};
const configOf = (config: object) => parseConfig(loraConfig, config, 'lora');
const errorOf = (config: object): PeftError => {
  try {
    planTargets(configOf(config), minilmSpec);
  } catch (error) {
    return error as PeftError;
  }
  throw new Error('no error');
};

describe('targets', () => {
  it.each(
    golden.selections.map((selection) => [JSON.stringify({ ...selection, selected: undefined }), selection] as const),
  )(
    'are those of HF peft for %s',
    (_, { target_modules, exclude_modules, layers_to_transform, layers_pattern, selected }) => {
      const config = configOf({
        targets: target_modules,
        exclude: exclude_modules ?? null,
        layers: layers_to_transform ?? null,
        layersPattern: layers_pattern ?? null,
      });
      expect(selectTargets(config, host).map(({ path }) => hfPath(host, path))).toEqual(selected);
      expect(golden.names.filter((name) => name !== 'classifier' && hfSelector(config)(name))).toEqual(selected);
    },
  );

  it.each(golden.patterns.map(({ patterns, hits }) => [patterns, hits] as const))(
    'patterns %j hit first where they do in HF peft',
    (patterns, hits) => {
      const values = Object.fromEntries(patterns.map((pattern, index) => [pattern, index + 1]));
      const read = () => valuesByPattern('rankPattern', values, 0, golden.names);
      if (hits.every((hit) => hit === null)) return expect(read).toThrow(/matches none of the targets/);
      const expected = hits.map((hit) => (hit === null ? 0 : patterns.indexOf(hit) + 1));
      const overlapping = patterns.length > 1 && patterns[0] === 'query';
      if (overlapping) return expect(read).toThrow(/alphabetical order/);
      return expect(read()).toEqual(expected);
    },
  );

  it('are query and value by role, and all affine maps by name', () => {
    const ends = (targets: string | null) => [
      ...new Set(
        selectTargets(configOf({ targets }), minilmSpec).map(({ path }) => path.split('.').slice(-2).join('.')),
      ),
    ];
    expect(ends(null)).toEqual(['self.query', 'self.value']);
    expect(ends('all-linear')).toEqual([
      'self.query',
      'self.key',
      'self.value',
      'output.dense',
      'intermediate.dense',
      'pooler.dense',
    ]);
    expect(selectTargets(configOf({ targets: 'encoder\\.layer\\.0\\..*key' }), minilmSpec)).toHaveLength(1);
  });

  it.each([
    ['a misspelt name', { targets: ['query', 'vaule'] }, /targets: "vaule".*value/],
    ['a misspelt exclusion', { targets: ['query'], exclude: ['keey'] }, /exclude: "keey".*key/],
    ['a name where an expression is wanted', { targets: 'query' }, /"query".*pass the list \["query"\]/],
    ['an expression that matches nothing', { targets: '.*\\.q_proj' }, /matches no affine map/],
    ['a layer that is not there', { layers: [0, 6] }, /layer 6.*0 to 5/],
    ['nothing left', { targets: ['query'], exclude: ['query'] }, /no target is left/],
    ['a pattern for no target', { rankPattern: { key: 4 } }, /rankPattern: "key" matches none/],
    ['a misspelt pattern', { alphaPattern: { quary: 4 } }, /alphaPattern: "quary".*query/],
  ])('%s is an error that helps', (_, config, message) => {
    const error = errorOf(config);
    expect(error.code).toBe('TARGET_UNMATCHED');
    expect(error.message).toMatch(message);
    expect(error.text.fix).toBeTruthy();
  });

  it('refuses expressions that are none', () => {
    expect(errorOf({ targets: '(' }).code).toBe('TARGET_PATTERN_INVALID');
    expect(errorOf({ rankPattern: { '(?<=layer)query': 2 } }).code).toBe('TARGET_PATTERN_INVALID');
    expect(errorOf({ rankPattern: { query: 2, 'layer.0.attention.self.query': 4 } }).code).toBe('PATTERN_ORDER_LOST');
  });
});
