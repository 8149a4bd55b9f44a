import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { describedBert } from '../test/hosts.js';
import { chooseGates } from './choose-gates.js';
import { readHfIa3Config } from './hf-files.js';
import { agrees, hfGates, writeHfTargets } from './hf-targets.js';
import { ia3 } from './ia3.js';

const bert = describedBert(2, 8);
type Targets = Parameters<typeof ia3>[0];

/** `key`, `value`, … by the module's last names, for layer 0. */
const named = (gates: ReadonlyMap<string, string>) =>
  Object.fromEntries(
    [...gates]
      .filter(([path]) => path.startsWith('encoder.layer.0.'))
      .map(([path, side]) => [path.slice('encoder.layer.0.'.length), side]),
  );

describe('hfGates', () => {
  it("falls into the trap of HF peft's own defaults: attention.output.dense counts as feed-forward", () => {
    const lists = { targets: ['key', 'value', 'output.dense'], feedForward: ['output.dense'] };
    expect(named(hfGates(lists, bert))).toEqual({
      'attention.self.key': 'output',
      'attention.self.value': 'output',
      'attention.output.dense': 'input',
      'output.dense': 'input',
    });
  });

  it('takes a dotted end as target and a bare end as feed-forward', () => {
    expect(hfGates({ targets: ['ense'], feedForward: [] }, bert).size).toBe(0);
    const bare = hfGates({ targets: ['dense'], feedForward: ['ut.dense'] }, bert);
    expect(named(bare)).toEqual({
      'attention.output.dense': 'input',
      'intermediate.dense': 'output',
      'output.dense': 'input',
    });
  });

  it('matches expressions against whole names with that of the base model, and leaves out what is excluded', () => {
    const of = (targets: string, exclude: string[] = []) => hfGates({ targets, feedForward: [], exclude }, bert).size;
    expect(of('encoder\\.layer\\.\\d\\.attention\\.self\\.key')).toBe(0);
    expect(of('bert\\.encoder\\.layer\\.\\d\\.attention\\.self\\.key')).toBe(2);
    expect(of('.*key|.*value')).toBe(4);
    expect(of('.*key|.*value', ['layer.1.attention.self.key'])).toBe(3);
  });
});

describe("all maps of HF's classifier", () => {
  /** A RoBERTa whose checkpoint holds a pooler, which HF's classifier of it has not. */
  const pooler = { kind: 'linear', path: 'pooler.dense', role: 'pooler', inputSize: 8, outputSize: 8 } as const;
  const roberta = {
    ...bert,
    modelType: 'roberta',
    baseModelPrefix: 'roberta',
    classifier: { output: 'classifier.out_proj', readout: 'cls' } as const,
    sites: [...bert.sites, pooler],
  };
  const file = { target_modules: 'all-linear', feedforward_modules: [], task_type: 'SEQ_CLS' };

  it('are read for "all-linear" without the pooler of the checkpoint', () => {
    const { targets } = readHfIa3Config(file, roberta);
    const gates = chooseGates(ia3({ targets: targets!, feedForwardTargets: [] }).config, roberta);
    expect(gates.map(({ site }) => site.path)).toEqual(
      bert.sites.flatMap((site) => ('path' in site ? [site.path] : [])),
    );
  });
});

describe('writeHfTargets', () => {
  it('names paths with two numbers one by one, as layers have them that groups share', () => {
    const place = (group: number, inner: number) =>
      `encoder.albert_layer_groups.${group}.albert_layers.${inner}.attention`;
    const sites = describedBert(4, 8).sites.map((site) => {
      const layer = 'layer' in site ? site.layer! : 0;
      const [group, inner] = [Math.floor(layer / 2), layer % 2];
      return { ...site, path: `${place(group, inner)}.${site.path.split('.').slice(3).join('.')}` };
    });
    const albert = { ...describedBert(4, 8), sites };
    const { config } = ia3({});
    const targets = writeHfTargets(config, albert);
    expect(agrees(chooseGates(config, albert), hfGates(targets, albert))).toBe(true);
  });

  const written = (config: Targets) => writeHfTargets(ia3(config).config, bert);

  it('says which output.dense it means', () => {
    const layer = '(.*\\.)?(encoder\\.layer\\.\\d+\\.';
    expect(written({})).toEqual({
      targets: `${layer}attention\\.self\\.key|encoder\\.layer\\.\\d+\\.attention\\.self\\.value|encoder\\.layer\\.\\d+\\.output\\.dense)`,
      feedForward: `${layer}output\\.dense)`,
    });
  });

  it('keeps lists that HF peft reads alike', () => {
    expect(written({ targets: ['value', 'key'], feedForwardTargets: ['output.dense'] })).toEqual({
      targets: ['key', 'output.dense', 'value'],
      feedForward: ['output.dense'],
    });
    expect(written({ targets: ['key'], feedForwardTargets: [] })).toEqual({ targets: ['key'], feedForward: [] });
  });

  const odd: readonly Targets[] = [
    {},
    { targets: ['key'] },
    { targets: [] },
    { feedForwardTargets: [] },
    { targets: ['encoder.layer.1.attention.self.value', 'query'], feedForwardTargets: ['layer.0.output.dense'] },
    { targets: '.*(query|key)', feedForwardTargets: '.*layer.1.*dense' },
    { targets: ['dense'], feedForwardTargets: ['intermediate.dense'] },
    // HF peft would take intermediate.dense for a feed-forward map by the bare end of its name.
    { targets: ['intermediate.dense'], feedForwardTargets: ['encoder.layer.0.output.dense'] },
    { targets: ['attention.output.dense'], feedForwardTargets: ['layer.1.output.dense'] },
  ];

  it.each(odd)('HF peft makes the same gates of %j, and so do we of what is written', (config) => {
    const gates = chooseGates(ia3(config).config, bert);
    const { targets, feedForward } = written(config);
    expect(agrees(gates, hfGates({ targets, feedForward }, bert))).toBe(true);
    const file = { target_modules: targets, feedforward_modules: feedForward } as JsonObject;
    const again = ia3(readHfIa3Config(file, bert)).config;
    expect(chooseGates(again, bert)).toEqual(gates);
    expect(writeHfTargets(again, bert)).toEqual({ targets, feedForward });
  });
});

describe('readHfIa3Config', () => {
  const read = (config: JsonObject, host = bert) => readHfIa3Config(config, host);
  const gatesOf = (config: JsonObject) => chooseGates(ia3(read(config)).config, bert);

  it('keeps lists that mean the same here', () => {
    const lists = { target_modules: ['key', 'output.dense', 'value'], feedforward_modules: ['output.dense'] };
    expect(read(lists)).toEqual({
      targets: ['key', 'output.dense', 'value'],
      feedForwardTargets: ['output.dense'],
    });
    expect(gatesOf({})).toEqual(gatesOf(lists));
    const expanded = { target_modules: ['bert.encoder.layer.0.attention.self.key'], feedforward_modules: [] };
    expect(read(expanded)).toEqual({ targets: ['encoder.layer.0.attention.self.key'], feedForwardTargets: [] });
  });

  it.each<[string, JsonObject]>([
    [
      'expressions with the base model',
      { target_modules: 'bert\\..*\\.(key|output\\.dense)', feedforward_modules: '.*dense' },
    ],
    ['bare ends', { target_modules: ['key', 'dense'], feedforward_modules: ['ut.dense'] }],
    ['feed-forward maps that are no targets', { target_modules: ['key'], feedforward_modules: ['output.dense'] }],
    [
      'exclusions',
      { target_modules: ['key', 'value'], feedforward_modules: [], exclude_modules: ['layer.1.attention.self.key'] },
    ],
    [
      'an excluded expression',
      { target_modules: ['key', 'value'], feedforward_modules: [], exclude_modules: '.*1.*key' },
    ],
  ])('reads %s as HF peft does', (_, config) => {
    const { target_modules: targets, feedforward_modules: feedForward, exclude_modules: exclude = [] } = config;
    const hf = hfGates({ targets, feedForward, exclude } as unknown as Parameters<typeof hfGates>[0], bert);
    expect(hf.size).toBeGreaterThan(0);
    expect(agrees(gatesOf(config), hf)).toBe(true);
  });

  it.each<[JsonObject, string]>([
    [{ target_modules: 5 }, 'CONFIG_INVALID'],
    [{ target_modules: ['key', 5] }, 'CONFIG_INVALID'],
    [{ target_modules: ['keys'] }, 'TARGET_UNMATCHED'],
    [{ target_modules: 'key', feedforward_modules: [] }, 'TARGET_UNMATCHED'],
    [{ target_modules: '(' }, 'TARGET_PATTERN_INVALID'],
    [{ fan_in_fan_out: true }, 'CONFIG_KEY_UNSUPPORTED'],
  ])('refuses %j with %s', (config, code) => {
    expect(() => read(config)).toThrow(expect.objectContaining({ code }));
  });

  it('knows no usual targets where HF peft knows none', () => {
    expect(() => read({}, { ...bert, modelType: 'distilbert', python: {} })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('distilbert') }),
    );
  });
});
