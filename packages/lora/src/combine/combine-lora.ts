import { type HostSpec, type NamedArray, type NamedArrays, PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import { floatsOf, type CombinedMethod, type CombineMember, type CombineOptions } from '@tfjs-peft/peft-core/authoring';
import { hfPath } from '@tfjs-peft/peft-core/files';
import type { LoraConfig } from '../config.js';
import { fromFloat32, toFloat32 } from '../linear-algebra/matrix.js';
import { parameterNames } from '../names.js';
import { biasPaths, planTargets } from '../plan-targets.js';
import { type Factors, mergeFactors, type WeightedFactors } from './merge-factors.js';
import { chooseStrategy } from './strategies.js';

/**
 * One LoRA from several, with scale 1 everywhere: factors by the strategy, as HF peft's `add_weighted_adapter`; differences of biases, and
 * biases of the second factor times their scale, as weighted sums. A target that only some members have is combined from those.
 * Errors: `COMBINE_STRATEGY_UNKNOWN`, `COMBINE_OPTION_INVALID`, `COMBINE_MISMATCH`, `COMBINE_UNSUPPORTED` for DoRA.
 */
export function combineLora(
  members: readonly CombineMember[],
  options: CombineOptions,
  host: HostSpec,
  create: (config: LoraConfig) => PeftMethod<LoraConfig>,
): CombinedMethod {
  const strategy = chooseStrategy(options, members.length);
  const planned = members.map(({ method, effective, weight }) => {
    const config = method.config as LoraConfig;
    if (config.dora) throw doraUnsupported();
    const targets = planTargets(config, host);
    return { config, effective, weight, targets, biases: biasPaths(config, targets, host) };
  });
  const first = planned[0]!.config;
  const paths = inHostOrder(
    planned.flatMap(({ targets }) => targets.map(({ path }) => path)),
    host,
  );
  // As in HF peft: factored anew, every target gets the largest rank that any has, as far as its delta fills it.
  const largest = Math.max(...planned.flatMap(({ targets }) => targets.map(({ rank }) => rank)));
  const rank = options.rank ?? largest;
  const factors = new Map(
    paths.map((path) => {
      const own = planned.flatMap(({ config, effective, weight, targets }): WeightedFactors[] => {
        const target = targets.find((entry) => entry.path === path);
        if (!target) return [];
        const names = parameterNames(config, path);
        const { inputSize, outputSize, scale } = target;
        return [
          {
            down: fromFloat32(valuesOf(effective, names.down), inputSize, target.rank),
            up: fromFloat32(valuesOf(effective, names.up), target.rank, outputSize),
            weight,
            scale,
          },
        ];
      });
      return [path, mergeFactors(strategy, own, path, { ...options, rank })] as const;
    }),
  );
  const loraBias = planned.some(({ config }) => config.loraBias);
  const method = create(combinedConfig(first, planned, factors, loraBias, host));
  const sums = sumVectors(planned);
  const effective = new Map<string, NamedArray>();
  for (const { name, shape, site } of method.plan(host).effective) {
    const names = parameterNames(method.config, site!);
    const pair = factors.get(site!);
    const size = shape.reduce((product, length) => product * length, 1);
    const data =
      name === names.down
        ? toFloat32(pair!.down)
        : name === names.up
          ? toFloat32(pair!.up)
          : Float32Array.from(sums.get(name) ?? new Float64Array(size));
    effective.set(name, { shape, data });
  }
  return { method, effective };
}

interface PlannedMember {
  readonly config: LoraConfig;
  readonly effective: NamedArrays;
  readonly weight: number;
  readonly targets: ReturnType<typeof planTargets>;
  readonly biases: readonly string[];
}

/** Weighted sums of the biases of the second factor, times their scale, and of the differences to the host's biases, by name. */
function sumVectors(members: readonly PlannedMember[]): Map<string, Float64Array> {
  const sums = new Map<string, Float64Array>();
  const add = (name: string, values: Float32Array, factor: number) => {
    const sum = sums.get(name) ?? new Float64Array(values.length);
    values.forEach((value, index) => (sum[index]! += factor * value));
    sums.set(name, sum);
  };
  for (const { config, effective, weight, targets, biases } of members) {
    for (const { path, scale } of config.loraBias ? targets : []) {
      const { upBias } = parameterNames(config, path);
      add(upBias, valuesOf(effective, upBias), weight * scale);
    }
    for (const path of biases) {
      const { biasDelta } = parameterNames(config, path);
      add(biasDelta, valuesOf(effective, biasDelta), weight);
    }
  }
  return sums;
}

/**
 * The first member's options with the new ranks; its spelling of the targets if all members mean the same places by theirs. The pooler is left
 * out (`pooler: false`) if a member leaves it out and none changes it.
 */
function combinedConfig(
  first: LoraConfig,
  members: readonly PlannedMember[],
  factors: ReadonlyMap<string, Factors>,
  loraBias: boolean,
  host: HostSpec,
): LoraConfig {
  const { pooler, ...options } = first;
  const withoutPooler = members.some(({ config }) => config.pooler === false) && !members.some(changesPooler(host));
  const samePlaces = members.every(({ targets }) => targets.length === factors.size);
  const where =
    samePlaces && (pooler === false) === withoutPooler
      ? { targets: first.targets, exclude: first.exclude, layers: first.layers, layersPattern: first.layersPattern }
      : {
          targets: [...factors.keys()].map((path) => hfPath(host, path)),
          exclude: null,
          layers: null,
          layersPattern: null,
        };
  const ranks = [...factors].map(([path, { down }]) => [hfPath(host, path), down.columns] as const);
  const rank = Math.max(...ranks.map(([, value]) => value));
  const others = Object.fromEntries(ranks.filter(([, value]) => value !== rank));
  const biases = members.map(({ config }) => config.bias);
  const bias = biases.includes('all') ? 'all' : biases.includes('lora_only') ? 'lora_only' : 'none';
  return Object.freeze({
    ...options,
    ...(withoutPooler && { pooler: false }),
    ...where,
    rank,
    alpha: rank,
    rankPattern: others,
    alphaPattern: others,
    rsLora: false,
    loraBias,
    bias,
    initialisation: 'kaiming',
  });
}

/** Whether a member has a delta or a bias at the pooler. */
function changesPooler({ sites }: HostSpec): (member: PlannedMember) => boolean {
  const poolers = new Set(
    sites.flatMap((site) => (site.kind === 'linear' && site.role === 'pooler' ? [site.path] : [])),
  );
  return ({ targets, biases }) => [...targets.map(({ path }) => path), ...biases].some((path) => poolers.has(path));
}

const inHostOrder = (paths: readonly string[], host: HostSpec): string[] => {
  const wanted = new Set(paths);
  return [...new Set(host.sites.map(({ path }) => path))].filter((path) => wanted.has(path));
};

/** Errors: `COMBINE_MISMATCH`. */
function valuesOf(effective: NamedArrays, name: string): Float32Array {
  const array = effective.get(name);
  if (array) return floatsOf(array);
  throw new PeftError('COMBINE_MISMATCH', {
    found: `no "${name}" in one of the adapters`,
    expected: 'the parameters that its own method plans',
    fix: 'pass each adapter with the method it was trained with',
  });
}

const doraUnsupported = () =>
  new PeftError('COMBINE_UNSUPPORTED', {
    found: 'a LoRA with dora: magnitudes are factors of the whole weight, so that a sum of adapters has no magnitudes',
    expected: 'adapters without dora',
    fix: 'merge one of them into the host with mergeAdapter and train the next on the result',
  });
