import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createStream,
  initialValues,
  isPeftError,
  type NamedArrays,
  type Parameters,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import { trainableNames } from '@tfjs-peft/peft-core/authoring';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { smallSpec as spec, someNumbers } from '../test/fake-host.js';
import { ratesOf, scoreOf } from '../test/run-interventions.js';
import * as methods from './methods/weight-methods.js';

useTestBackend();
beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

type Name = keyof typeof methods;

/** What each method is tried with: small sizes that fit the maps, and switches that others need. */
const usual: Readonly<Record<Name, JsonObject>> = {
  adalora: { init_r: 3 },
  beft: {},
  boft: {},
  bone: { r: 4 },
  c3a: { block_size: 4 },
  delora: { r: 3 },
  fourierft: { n_frequency: 12 },
  glora: { r: 2 },
  gralora: { r: 4 },
  hira: { r: 3 },
  hra: { r: 4 },
  loha: { r: 3 },
  lokr: { r: 2 },
  miss: { r: 4 },
  oft: { oft_block_size: 4 },
  pvera: { r: 3 },
  randlora: { r: 3 },
  road: { group_size: 4 },
  unilora: { r: 2, theta_d_length: 50 },
  vblora: { r: 2, num_vectors: 6, vector_length: 4 },
  vera: { r: 3 },
  waveft: { n_frequency: 12 },
};

/** Another value of an entry; the second part, if any, is what both sides have beside it. */
type Change = readonly [JsonObject, JsonObject?];
const pattern = (name: string, value: unknown): Change => [{ [name]: { query: value } } as JsonObject];
const at = { layers_to_transform: [0] };
const common: Readonly<Record<string, Change>> = {
  target_modules: [{ target_modules: ['query'] }],
  exclude_modules: [{ exclude_modules: ['query'] }, { target_modules: ['query', 'value'] }],
  layers_to_transform: [{ layers_to_transform: [1] }],
  layers_pattern: [{ layers_pattern: 'blocks' }, at],
  pooler: [{ pooler: false }, { target_modules: 'all-linear' }],
  name: [{ name: 'second' }],
};
const lycoris: Readonly<Record<string, Change>> = {
  r: [{ r: 1 }],
  alpha: [{ alpha: 3 }],
  rank_pattern: pattern('rank_pattern', 1),
  alpha_pattern: pattern('alpha_pattern', 2),
  init_weights: [{ init_weights: false }],
};
const start: Readonly<Record<string, Change>> = { init_weights: [{ init_weights: false }] };
const projections = (dropout: string): Readonly<Record<string, Change>> => ({
  ...start,
  r: [{ r: 2 }],
  projection_prng_key: [{ projection_prng_key: 1 }],
  save_projection: [{ save_projection: false }],
  d_initial: [{ d_initial: 0.5 }],
  [dropout]: [{ [dropout]: 0.5 }],
});
const changes: Readonly<Record<Name, Readonly<Record<string, Change>>>> = {
  adalora: {
    init_r: [{ init_r: 2 }],
    lora_alpha: [{ lora_alpha: 3 }],
    lora_dropout: [{ lora_dropout: 0.5 }],
    rank_pattern: [{ rank_pattern: { 'bert.encoder.layer.0.attention.self.query.lora_E': [true, false, true] } }],
    init_lora_weights: [{ init_lora_weights: false }],
  },
  beft: start,
  boft: {
    ...start,
    boft_block_size: [{ boft_block_size: 2 }],
    boft_block_num: [{ boft_block_num: 2 }, { boft_block_size: 0 }],
    boft_n_butterfly_factor: [{ boft_n_butterfly_factor: 2 }],
  },
  bone: { ...start, r: [{ r: 2 }] },
  c3a: {
    init_weights: [{ init_weights: true }],
    block_size: [{ block_size: 2 }],
    block_size_pattern: pattern('block_size_pattern', 2),
  },
  delora: {
    ...start,
    r: [{ r: 2 }],
    rank_pattern: pattern('rank_pattern', 2),
    delora_lambda: [{ delora_lambda: 3 }],
    lambda_pattern: pattern('lambda_pattern', 3),
  },
  fourierft: {
    init_weights: [{ init_weights: true }],
    n_frequency: [{ n_frequency: 9 }],
    n_frequency_pattern: pattern('n_frequency_pattern', 9),
    scaling: [{ scaling: 2 }],
    random_loc_seed: [{ random_loc_seed: 3 }],
  },
  glora: {
    ...start,
    r: [{ r: 1 }],
    config_A_B: [{ config_A_B: 'vector' }],
    config_C: [{ config_C: 'none' }],
    config_D_E: [{ config_D_E: 'vector' }],
  },
  gralora: {
    ...start,
    r: [{ r: 2 }],
    hybrid_r: [{ hybrid_r: 1 }],
    alpha: [{ alpha: 3 }],
    gralora_dropout: [{ gralora_dropout: 0.5 }],
    gralora_k: [{ gralora_k: 4 }],
  },
  hira: {
    ...start,
    r: [{ r: 2 }],
    rank_pattern: pattern('rank_pattern', 2),
    hira_dropout: [{ hira_dropout: 0.5 }],
  },
  hra: { r: [{ r: 2 }], apply_GS: [{ apply_GS: true }] },
  loha: lycoris,
  lokr: {
    ...lycoris,
    decompose_both: [{ decompose_both: true }, { r: 1 }],
    decompose_factor: [{ decompose_factor: 2 }],
  },
  miss: {
    ...start,
    r: [{ r: 2 }],
    miss_dropout: [{ miss_dropout: 0.5 }],
    mini_r: [{ mini_r: 4 }, { init_weights: 'mini' }],
  },
  oft: {
    ...start,
    r: [{ r: 2 }, { oft_block_size: 0 }],
    oft_block_size: [{ oft_block_size: 2 }],
    coft: [{ coft: true }],
    eps: [{ eps: 0.1 }, { coft: true }],
    block_share: [{ block_share: true }],
    use_cayley_neumann: [{ use_cayley_neumann: false }],
    num_cayley_neumann_terms: [{ num_cayley_neumann_terms: 2 }],
  },
  pvera: { ...projections('pvera_dropout'), sample_at_inference: [{ sample_at_inference: true }] },
  randlora: {
    ...start,
    r: [{ r: 2 }],
    projection_prng_key: [{ projection_prng_key: 1 }, { sparse: true }],
    save_projection: [{ save_projection: false }],
    sparse: [{ sparse: true }],
    very_sparse: [{ very_sparse: true }],
    randlora_dropout: [{ randlora_dropout: 0.5 }],
    randlora_alpha: [{ randlora_alpha: 3 }],
  },
  road: { ...start, variant: [{ variant: 'road_2' }], group_size: [{ group_size: 2 }] },
  unilora: {
    ...start,
    r: [{ r: 1 }],
    proj_seed: [{ proj_seed: 1 }],
    theta_d_length: [{ theta_d_length: 40 }],
    save_indices: [{ save_indices: true }],
    unilora_dropout: [{ unilora_dropout: 0.5 }],
    init_theta_d_bound: [{ init_theta_d_bound: 1 }],
  },
  vblora: {
    r: [{ r: 1 }],
    num_vectors: [{ num_vectors: 5 }],
    vector_length: [{ vector_length: 2 }],
    topk: [{ topk: 3 }],
    save_only_topk_weights: [{ save_only_topk_weights: true }],
    vblora_dropout: [{ vblora_dropout: 0.5 }],
    init_vector_bank_bound: [{ init_vector_bank_bound: 1 }],
    init_logits_std: [{ init_logits_std: 1 }],
  },
  vera: projections('vera_dropout'),
  waveft: {
    ...start,
    n_frequency: [{ n_frequency: 9 }],
    n_frequency_pattern: pattern('n_frequency_pattern', 9),
    scaling: [{ scaling: 2 }],
    wavelet_family: [{ wavelet_family: 'db2' }],
    use_idwt: [{ use_idwt: false }],
    random_loc_seed: [{ random_loc_seed: 3 }],
    proportional_parameters: [{ proportional_parameters: true }],
  },
};

/** Entries that are kept in files and do nothing here; docs/hf-methods.md has them for people. */
const idle: Readonly<Partial<Record<Name, readonly string[]>>> = {
  adalora: ['r', 'target_r', 'tinit', 'tfinal', 'deltaT', 'beta1', 'beta2', 'orth_reg_weight', 'total_step'],
  boft: ['boft_dropout'],
  delora: ['module_dropout'],
  hra: ['init_weights'],
  loha: ['rank_dropout', 'module_dropout', 'use_effective_conv2d'],
  lokr: ['rank_dropout', 'module_dropout', 'use_effective_conv2d', 'rank_dropout_scale'],
  oft: ['module_dropout'],
  pvera: ['generator_seed'],
};

/** First values, with norms of a weight for DeLoRA, which has them from a file. */
function startOf(method: PeftMethod): NamedArrays {
  const { raw, ...plan } = method.plan(spec);
  return initialValues(
    {
      ...plan,
      raw: raw.map((one) =>
        one.initial.kind === 'unprepared' ? { ...one, initial: { kind: 'constant', value: 0.7 } } : one,
      ),
    },
    createStream(1),
  );
}

/** Off the start, where nothing of what is trained is zero. */
const moved = (method: PeftMethod, start: NamedArrays): Parameters => {
  const trained = new Set(trainableNames(method.plan(spec)));
  return new Map(
    [...toParameters(start)].map(([name, tensor], i) => [
      name,
      trained.has(name) ? tensor.add(someNumbers(tensor.shape, 10 + i)) : tensor,
    ]),
  );
};

/** All that a configuration is: its parameters with their first values, what they do in training, what a file holds of them; or its refusal. */
function traceOf(make: () => PeftMethod): string {
  try {
    const method = make();
    const start = startOf(method);
    const effective = moved(method, start);
    const { tensors } = method.files!.encode(start, spec, new Map());
    return JSON.stringify([
      [...start].map(([name, { data }]) => [name, [...data]]),
      method.plan(spec).raw.map(({ name, trainable }) => [name, trainable ?? true]),
      scoreOf(method, effective, spec).arraySync(),
      ratesOf(method, effective, spec),
      [...tensors.keys()],
    ]);
  } catch (error) {
    if (!isPeftError(error)) throw error;
    return error.message;
  }
}

const entriesOf = (name: Name) =>
  Object.keys((methods[name].definition.config as unknown as { shape: object }).shape).sort();

describe('each entry of a configuration', () => {
  for (const name of Object.keys(methods) as Name[]) {
    const own = { ...common, ...changes[name] };
    const idleOnes = idle[name] ?? [];

    it(`of ${name} does something or is known to do nothing`, () => {
      expect(entriesOf(name).filter((entry) => !(entry in own) && !idleOnes.includes(entry))).toEqual([]);
      for (const entry of entriesOf(name).filter((one) => one in own)) {
        const [changed, beside] = own[entry]!;
        const before = { ...usual[name], ...beside };
        const same = traceOf(() => methods[name](before)) === traceOf(() => methods[name]({ ...before, ...changed }));
        expect([entry, same]).toEqual([entry, false]);
      }
    });
  }
});

/** Switches and choices that change what is computed, one at a time and some together. */
const forms: readonly (readonly [Name, JsonObject])[] = [
  ...(Object.keys(methods) as Name[]).flatMap((name) => [
    [name, {}] as const,
    ...Object.values(changes[name]).map(([changed, beside]) => [name, { ...beside, ...changed }] as const),
  ]),
  ['oft', { coft: true, eps: 0.5 }],
  ['oft', { coft: true, eps: 0 }],
  ['oft', { coft: true, use_cayley_neumann: false, block_share: true }],
  ['miss', { init_weights: 'bat' }],
  ['hira', { init_weights: 'gaussian' }],
  ['road', { variant: 'road_4' }],
  ['glora', { config_A_B: 'constant', config_C: 'vector', config_D_E: 'none' }],
];

describe('gradients', () => {
  it.each(forms)('of %s with %j are finite, at the start and after it', (name, config) => {
    const make = () => methods[name]({ ...usual[name], ...config });
    if (isRefused(() => startOf(make()))) return;
    const method = make();
    const first = name === 'hra' && config['apply_GS'] !== true ? inPairs(startOf(method)) : startOf(method);
    for (const effective of [toParameters(first), moved(method, first)]) {
      const trained = trainableNames(method.plan(spec));
      const loss = (...tensors: tf.Tensor[]) =>
        scoreOf(method, new Map([...effective, ...trained.map((key, i) => [key, tensors[i]!] as const)]), spec);
      const { grads } = tf.valueAndGrads(loss)(trained.map((key) => effective.get(key)!));
      const sizes = grads.map((grad) => grad.abs().sum().arraySync() as number);
      expect(trained.filter((_, i) => !Number.isFinite(sizes[i]))).toEqual([]);
      expect(sizes.some((size) => size > 0)).toBe(true);
    }
  });
});

/** HF's own start of HRA: columns in equal pairs, whose reflections cancel each other. */
const inPairs = (start: NamedArrays): NamedArrays =>
  new Map(
    [...start].map(([name, { shape, data }]) => {
      const columns = shape[1]!;
      const paired = data.map((_, i) => data[i - ((i % columns) % 2)]!);
      return [name, { shape, data: paired }];
    }),
  );

function isRefused(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    return isPeftError(error);
  }
}

describe('constrained OFT', () => {
  it('keeps its numbers in a ball after each step, and the slope of what is cut back', () => {
    const method = methods.oft({ oft_block_size: 4, coft: true, eps: 0.01, target_modules: ['query'] });
    const outside = moved(method, startOf(method));
    const inside = method.afterStep!(outside);
    const [[name, numbers]] = [...inside] as [[string, tf.Tensor]];
    const norms = numbers.square().sum(1).mul(2).sqrt().arraySync() as number[];
    for (const norm of norms) expect(norm).toBeCloseTo(0.01 / 2, 6);
    expect(scoreOf(method, outside, spec).arraySync()).toBeCloseTo(scoreOf(method, inside, spec).arraySync(), 5);
    const gradient = (at: tf.Tensor) => tf.grad((x) => scoreOf(method, new Map([[name, x]]), spec))(at);
    const [far, near] = [gradient(outside.get(name)!), gradient(numbers)];
    expect(far.sub(near).abs().max().arraySync()).toBeLessThan(1e-4);
    expect(near.abs().max().arraySync()).toBeGreaterThan(1e-2);
  });
});

describe('RandLoRA', () => {
  it.each([
    ['sparse', 1 / 3],
    ['very_sparse', 1 / Math.sqrt(8)],
  ])('draws %s matrices from the key', (entry, share) => {
    const valuesOf = (key: number) => [
      ...startOf(methods.randlora({ r: 4, [entry]: true, projection_prng_key: key })).entries(),
    ];
    const [, [, { data }]] = valuesOf(0) as [unknown, [string, { data: Float32Array }]];
    const magnitudes = new Set(data.map(Math.abs));
    expect(magnitudes.size).toBe(2);
    const filled = data.filter((value) => value !== 0).length / data.length;
    expect(Math.abs(filled - share)).toBeLessThan(0.12);
    expect(valuesOf(1)).not.toEqual(valuesOf(0));
  });
});
