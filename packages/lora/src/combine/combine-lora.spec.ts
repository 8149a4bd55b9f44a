import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  combineAdapters,
  compose,
  createStream,
  head,
  type HostSpec,
  type NamedArray,
  type PeftMethod,
  readParameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import { hfPath } from '@tfjs-peft/peft-core/files';
import { type CombineMember, type CombineOptions, floatsOf } from '@tfjs-peft/peft-core/authoring';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { minilmSpec } from '../../test/minilm-spec.js';
import { randomArrays } from '../../test/small-host.js';
import type { LoraConfig } from '../config.js';
import { fromFloat32, multiply, scaled } from '../linear-algebra/matrix.js';
import { lora } from '../lora.js';
import { parameterNames } from '../names.js';
import { planTargets } from '../plan-targets.js';
import { pruneAtRandom, pruneSmall } from './merge-values.js';
import { combineStrategies } from './strategies.js';

useTestBackend();

interface Case {
  members: string[];
  weights: number[];
  strategy: string;
  rank?: number;
  density?: number;
  deltas: Record<string, number[]>;
}
const golden: {
  sizes: { hidden_size: number; vocab_size: number };
  settings: Record<string, { rank: number; alpha: number }>;
  factors: Record<string, Record<string, { down: number[]; up: number[] }>>;
  cases: Case[];
} = JSON.parse(readFileSync(new URL('../../goldens/combinations.json', import.meta.url), 'utf8'));

const size = golden.sizes.hidden_size;
const host: HostSpec = {
  ...minilmSpec,
  sites: [
    { kind: 'table', path: 'embeddings.word_embeddings', rows: golden.sizes.vocab_size, size },
    ...['query', 'key', 'value'].map(
      (name) =>
        ({
          kind: 'linear',
          path: `encoder.layer.0.attention.self.${name}`,
          inputSize: size,
          outputSize: size,
        }) as const,
    ),
  ],
};
const memberOf = (name: string, weight: number): CombineMember => {
  const places = Object.keys(golden.factors).filter((path) => golden.factors[path]![name]);
  const method = lora({ ...golden.settings[name]!, targets: places });
  const { rank } = golden.settings[name]!;
  const effective = new Map(
    places.flatMap((full): [string, NamedArray][] => {
      const path = full.replace('bert.', '');
      const { down, up } = golden.factors[full]![name]!;
      const names = parameterNames(method.config, path);
      return [
        [names.down, { shape: [down.length / rank, rank], data: Float32Array.from(down) }],
        [names.up, { shape: [rank, up.length / rank], data: Float32Array.from(up) }],
      ];
    }),
  );
  return { method, effective, weight };
};
const combine = (members: readonly CombineMember[], options: CombineOptions) =>
  members[0]!.method.combine!(members, options, host);
/** `scale · down · up` of each target, row by row. */
const deltasOf = ({ method, effective }: Omit<CombineMember, 'weight'>) =>
  Object.fromEntries(
    planTargets(method.config as LoraConfig, host).map(({ path, scale, inputSize, outputSize, rank }) => {
      const names = parameterNames(method.config as LoraConfig, path);
      const [down, up] = [effective.get(names.down)!, effective.get(names.up)!];
      const product = multiply(
        fromFloat32(floatsOf(down), inputSize, rank),
        fromFloat32(floatsOf(up), rank, outputSize),
      );
      return [hfPath(host, path), scaled(product, scale).data];
    }),
  );
const farthest = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, index) => Math.abs(value - b[index]!)));
};
const weights = [0.5, -1.5, 2];
const three = () => ['a', 'b', 'c'].map((name, index) => memberOf(name, weights[index]!));
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'no error';
};

describe('combining loras', () => {
  it.each(
    golden.cases.map(
      (entry) => [`${entry.strategy} of ${entry.members.join(', ')} by ${entry.weights.join(', ')}`, entry] as const,
    ),
  )('gives what HF peft gives: %s', (_, { members, weights: shares, strategy, rank, density, deltas }) => {
    const combined = combine(
      members.map((name, index) => memberOf(name, shares[index]!)),
      { strategy, rank, density },
    );
    const found = deltasOf(combined);
    expect(Object.keys(found).sort()).toEqual(Object.keys(deltas).sort());
    for (const [path, delta] of Object.entries(deltas)) expect(farthest(found[path]!, delta)).toBeLessThan(2e-5);
    expect(combined.method.config).toMatchObject({ rsLora: false, initialisation: 'kaiming' });
  });

  it('is exact stacked, whatever the ranks, and with an svd of enough rank', () => {
    const members = [memberOf('a', 0.3), memberOf('wide', 0.9), memberOf('c', -1)];
    const exact = deltasOf(combine(members, { strategy: 'cat' }));
    const path = 'bert.encoder.layer.0.attention.self.query';
    const sum = members.reduce(
      (total, member) => {
        const delta = deltasOf(member)[path]!;
        return total.map((value, index) => value + member.weight * delta[index]!);
      },
      new Float64Array(size * size),
    );
    expect(farthest(exact[path]!, sum)).toBeLessThan(1e-5);
    const factored = combine(members, { strategy: 'svd', rank: 7 });
    expect(farthest(deltasOf(factored)[path]!, sum)).toBeLessThan(1e-5);
    // No more rank than the map has, or than is needed.
    expect(planTargets(factored.method.config as LoraConfig, host).map(({ rank }) => rank)).toEqual([2, 6, 2]);
    expect(farthest(deltasOf(combine(members, {}))[path]!, sum)).toBeGreaterThan(1e-2);
  });

  it('prunes at random by the seed, and keeps the expected value', () => {
    const at = (seed: number) => deltasOf(combine(three(), { strategy: 'dare_linear', density: 0.5, seed }));
    expect(at(1)).toEqual(at(1));
    expect(at(1)).not.toEqual(at(2));
    const values = Float64Array.from({ length: 20_000 }, (_, index) => 1 + (index % 7));
    const pruned = pruneAtRandom(values, 0.3, createStream('prune'));
    pruned.forEach((value, index) => value === 0 || expect(value).toBe(values[index]! / 0.3));
    const mean = (numbers: Float64Array) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    expect(Math.abs(mean(pruned) / mean(values) - 1)).toBeLessThan(0.05);
    expect(pruned.filter((value) => value !== 0).length / values.length).toBeCloseTo(0.3, 2);
    expect([...pruneSmall(Float64Array.of(-3, 1, 2, -0.5, 0.1), 0.5)]).toEqual([-3, 0, 2, 0, 0]);
  });

  it('sums biases, and those of the second factor with their scale', () => {
    const config = { targets: ['query', 'key'], rank: 2, bias: 'lora_only' } as const;
    const plain = lora({ ...config, targets: ['query', 'key'] });
    const biased = lora({ ...config, targets: ['query', 'value'], alpha: 6, loraBias: true });
    const members = [
      { method: plain, effective: randomArrays(plain, host, 'a'), weight: 2 },
      { method: biased, effective: randomArrays(biased, host, 'b'), weight: -1 },
    ];
    const { method, effective } = combine(members, { strategy: 'cat' });
    const value = (member: number, name: string, index = 3) => members[member]!.effective.get(name)?.data[index] ?? 0;
    const query = parameterNames(method.config as LoraConfig, 'encoder.layer.0.attention.self.query');
    const key = parameterNames(method.config as LoraConfig, 'encoder.layer.0.attention.self.key');
    expect(effective.get(query.biasDelta)!.data[3]).toBeCloseTo(
      2 * value(0, query.biasDelta) - value(1, query.biasDelta),
      5,
    );
    expect(effective.get(query.upBias)!.data[3]).toBeCloseTo(-3 * value(1, query.upBias), 5);
    expect(effective.get(key.biasDelta)!.data[3]).toBeCloseTo(2 * value(0, key.biasDelta), 5);
    expect(effective.get(key.upBias)!.data).toEqual(new Float32Array(size));
    expect(method.config).toMatchObject({ loraBias: true, bias: 'lora_only', rank: 4 });
    expect([...effective.keys()]).toEqual(method.plan(host).effective.map(({ name }) => name));
  });

  it('keeps the spelling of the targets where all members have the same', () => {
    const one = (rank: number) => lora({ rank, alpha: 4, targets: '.*attention\\.self\\.(query|key)' });
    const members = [one(2), one(3)].map((method, index) => ({
      method,
      effective: randomArrays(method, host, index),
      weight: 0.5,
    }));
    expect(combine(members, { strategy: 'cat' }).method.config).toMatchObject({
      targets: '.*attention\\.self\\.(query|key)',
      rank: 5,
      alpha: 5,
      rankPattern: {},
    });
    const mixed = combine([memberOf('a', 1), memberOf('wide', 1)], { strategy: 'cat' }).method.config as LoraConfig;
    expect(mixed.rankPattern).toEqual({ 'bert.embeddings.word_embeddings': 2 });
    expect(mixed.alphaPattern).toEqual(mixed.rankPattern);
  });

  it.each(combineStrategies)('keeps the sign of a negative alpha: %s', (strategy) => {
    const method = lora({ rank: 2, alpha: -4, targets: ['query'] });
    for (const weight of [1, -1]) {
      const member = { method, effective: randomArrays(method, host), weight };
      const [found] = Object.values(
        deltasOf(combine([member], { strategy, ...(/ties|dare|prune/.test(strategy) && { density: 0.5 }) })),
      );
      const [own] = Object.values(deltasOf(member));
      const expected = own!.map((value) => weight * value);
      expect(farthest(found!, expected)).toBeLessThan(1e-5);
    }
  });

  it('gives each of several adapters its own sign', () => {
    const member = (alpha: number, weight: number) => {
      const method = lora({ rank: 2, alpha, targets: ['query'] });
      return { method, effective: randomArrays(method, host), weight };
    };
    // The same factors with both signs: the roots cancel.
    const [found] = Object.values(deltasOf(combine([member(-4, 1), member(4, 1)], { strategy: 'linear' })));
    const [first] = Object.values(deltasOf(combine([member(-4, 1), member(4, 0)], { strategy: 'linear' })));
    const [own] = Object.values(deltasOf(member(-4, 1)));
    expect(farthest(found!, new Float64Array(found!.length))).toBeLessThan(1e-6);
    expect(farthest(first!, own!)).toBeLessThan(1e-5);
  });

  it('refuses ranks that no configuration may say', () => {
    const largest = lora({ rank: 16384, targets: ['query'] });
    const one = lora({ rank: 1, targets: ['query'] });
    const members = [largest, one].map((method) => ({ method, effective: randomArrays(method, host), weight: 1 }));
    expect(codeOf(() => combine(members, { strategy: 'cat' }))).toBe('COMBINE_OPTION_INVALID');
    expect(codeOf(() => combine(members, { rank: 16385 }))).toBe('COMBINE_OPTION_INVALID');
  });

  it('carries what a member has at the pooler', () => {
    const pooled: HostSpec = {
      ...host,
      sites: [
        ...host.sites,
        { kind: 'linear', path: 'pooler.dense', role: 'pooler', inputSize: size, outputSize: size },
      ],
    };
    const combined = (...configs: readonly Parameters<typeof lora>[0][]) => {
      const members = configs.map((config, index) => {
        const method = lora({ rank: 2, ...config });
        return { method, effective: randomArrays(method, pooled, index), weight: index + 1 };
      });
      const { method, effective } = members[0]!.method.combine!(members, { strategy: 'cat' }, pooled);
      expect([...effective.keys()]).toEqual(method.plan(pooled).effective.map(({ name }) => name));
      return { config: method.config as LoraConfig, effective, members };
    };
    const bias = 'lora.pooler.dense.biasDelta';
    const queries = { targets: ['query'], bias: 'all' as const };
    const mixed = combined({ ...queries, pooler: false }, queries);
    expect(mixed.effective.get(bias)!.data[2]).toBeCloseTo(2 * mixed.members[1]!.effective.get(bias)!.data[2]!, 5);
    const turned = combined(queries, { ...queries, pooler: false });
    expect(turned.effective.get(bias)!.data).toEqual(turned.members[0]!.effective.get(bias)!.data);
    // "all-linear" means the pooler or not.
    const everywhere = { targets: 'all-linear' } as const;
    expect(combined({ ...everywhere, pooler: false }, everywhere).effective.has('lora.pooler.dense.down')).toBe(true);
    expect(combined({ ...everywhere, pooler: false }, queries).effective.has('lora.pooler.dense.down')).toBe(false);
    // Without one at the pooler, the result is as in HF's classifier of RoBERTa, which has none.
    const without = combined(
      { targets: ['query', 'dense'], exclude: ['pooler.dense'] },
      { targets: ['query'], pooler: false },
    );
    expect(without.config.pooler).toBe(false);
    expect(combined({ ...queries, pooler: false }, { ...queries, pooler: false }).config).toMatchObject({
      pooler: false,
      targets: ['query'],
    });
    expect(combined(queries, queries).config).not.toHaveProperty('pooler');
  });

  it('refuses what has no combination', () => {
    expect(codeOf(() => combine(three(), { strategy: 'sum' }))).toBe('COMBINE_STRATEGY_UNKNOWN');
    expect(codeOf(() => combine(three(), { strategy: 'toString' }))).toBe('COMBINE_STRATEGY_UNKNOWN');
    expect(codeOf(() => combine(three(), { strategy: 'ties' }))).toBe('COMBINE_OPTION_INVALID');
    expect(codeOf(() => combine(three(), { strategy: 'ties', density: 1.5 }))).toBe('COMBINE_OPTION_INVALID');
    expect(codeOf(() => combine(three(), { rank: 0 }))).toBe('COMBINE_OPTION_INVALID');
    // Options that the strategy does not follow.
    for (const options of [
      { strategy: 'cat', rank: 1 },
      { strategy: 'linear', rank: 1 },
      { strategy: 'linear', density: 0.5 },
      { strategy: 'ties', density: 0.5, rank: 1 },
      { density: 0.5 },
    ])
      expect(codeOf(() => combine(three(), options))).toBe('COMBINE_OPTION_INVALID');
    expect(combine(three(), { strategy: 'ties_svd', density: 0.5, rank: 1, seed: 1 }).method.config).toMatchObject({
      rank: 1,
    });
    expect(codeOf(() => combine([memberOf('a', 1), memberOf('wide', 1)], { strategy: 'linear' }))).toBe(
      'COMBINE_MISMATCH',
    );
    const dora = lora({ dora: true, targets: ['query'] });
    expect(codeOf(() => combine([{ method: dora, effective: randomArrays(dora, host), weight: 1 }], {}))).toBe(
      'COMBINE_UNSUPPORTED',
    );
    expect(combineStrategies).toHaveLength(11);
  });

  it('works through combineAdapters, with a head', async () => {
    const readable: HostSpec = {
      ...host,
      sites: [...host.sites, { kind: 'readout', path: 'classifier', size, readouts: ['mean'] }],
      hiddenSize: size,
    };
    const method = compose(lora({ rank: 2, targets: ['query'] }), head({ labels: ['x', 'y'] })) as PeftMethod;
    const members = [1, 2].map((own) => ({
      adapter: {
        method,
        effective: toParameters(randomArrays(method, readable, own)),
        hostFingerprint: host.fingerprint,
      },
      weight: 0.5,
    }));
    const combined = await combineAdapters(members, readable, { byType: { LORA: { strategy: 'cat' } } });
    expect(combined.method.plan(readable).effective.map(({ name }) => name)).toEqual([...combined.effective.keys()]);
    const arrays = await readParameters(combined.effective);
    expect(arrays.get('lora.encoder.layer.0.attention.self.query.down')!.shape).toEqual([size, 4]);
  });
});
