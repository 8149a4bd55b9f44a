import type { HostSpec, PeftMethod, Site } from '@tfjs-peft/peft-core';
import {
  type EffectiveSpec,
  getParameter,
  type MethodDefinition,
  type ParameterSpec,
  parseConfig,
  rememberPerHost,
} from '@tfjs-peft/peft-core/authoring';
import type { Intervention, InterventionKind } from '@tfjs-peft/peft-core/interventions';
import type * as z from 'zod';
import { loraHubFormat } from './adapter-hub.js';
import { combineLora } from './combine/combine-lora.js';
import { type LoraConfig, loraConfig } from './config.js';
import { readHfLoraConfig } from './hf-config.js';
import { loraFiles } from './hf-files.js';
import { initialLaws } from './initial-laws.js';
import { parameterNames } from './names.js';
import { orthogonalStart, type PreparedStart } from './orthogonal-start.js';
import { biasPaths, type LoraTarget, planTargets } from './plan-targets.js';

/** Makes LoRA known by name: type `LORA`. */
export const loraDefinition: MethodDefinition<typeof loraConfig> = {
  type: 'LORA',
  config: loraConfig,
  create: (config) => createLora(config),
  fromHfConfig: readHfLoraConfig,
  adapterHub: loraHubFormat,
};

/**
 * LoRA (Hu et al. 2021, arXiv 2106.09685, equation 3): beside a frozen weight, the product of two thin matrices, `y = xW + b + s · (x · down) · up`
 * with s = alpha / rank; rsLoRA and DoRA by options. With `up` at zero the host's outputs are unchanged to the bit.
 * Errors: `CONFIG_INVALID`; `plan`: `TARGET_UNMATCHED`, `TARGET_PATTERN_INVALID`, `TARGET_UNSUPPORTED`, `PATTERN_ORDER_LOST`, `RANK_UNSUPPORTED`.
 */
export const lora = (config: z.input<typeof loraConfig> = {}): PeftMethod<LoraConfig> =>
  createLora(parseConfig(loraConfig, config, 'lora'));

/** True for a method that `lora` made, also one of another copy of this package. */
export const isLora = (method: PeftMethod): method is PeftMethod<LoraConfig> => method.type === loraDefinition.type;

/** `start` is known once `prepare` was called for an orthogonal start; the plan does not depend on it but for the first values. */
function createLora(config: LoraConfig, start?: PreparedStart): PeftMethod<LoraConfig> {
  const layoutOf = rememberPerHost((host) => {
    const targets = planTargets(config, host);
    return { targets, biases: biasPaths(config, targets, host) };
  });
  return {
    type: loraDefinition.type,
    config,
    namespaces: [config.name],
    kinds: kindsOf(config),
    plan(host) {
      const { targets, biases } = layoutOf(host);
      const specs = [
        ...targets.flatMap((target) => specsOf(config, target, start)),
        ...biases.map((path) => biasSpec(config, path, host)),
      ];
      return {
        raw: specs.map(({ name, shape, initial }): ParameterSpec => ({ name, shape, initial })),
        effective: specs.map(({ name, shape, site, perExample, exclusive }) => ({
          name,
          shape,
          site,
          perExample,
          ...(exclusive && { exclusive }),
        })),
      };
    },
    intervene(effective, { host }) {
      const { targets, biases } = layoutOf(host);
      const get = (name: string) => getParameter(effective, name);
      return [
        ...targets.flatMap(({ kind, path, scale }): Intervention[] => {
          const names = parameterNames(config, path);
          return [
            {
              kind: 'lowRankDelta',
              path,
              down: get(names.down),
              up: get(names.up),
              scale,
              ...(kind === 'linear' && config.dropout > 0 && { dropout: config.dropout }),
            },
            ...(config.dora ? [{ kind: 'weightMagnitude', path, delta: get(names.magnitudeDelta) } as const] : []),
            ...(config.loraBias ? [{ kind: 'biasDelta', path, delta: get(names.upBias).mul(scale) } as const] : []),
          ];
        }),
        ...biases.map((path) => ({
          kind: 'biasDelta' as const,
          path,
          delta: get(parameterNames(config, path).biasDelta),
        })),
      ];
    },
    ...(config.initialisation === 'orthogonal' &&
      !start && {
        prepare: (host, { stream }) =>
          Promise.resolve(createLora(config, orthogonalStart(config, layoutOf(host.spec).targets, stream))),
      }),
    combine: (members, options, host) => combineLora(members, options, host, createLora),
    files: loraFiles(config, layoutOf),
  };
}

const kindsOf = ({ dora, loraBias, bias }: LoraConfig): InterventionKind[] => [
  'lowRankDelta',
  ...(dora ? (['weightMagnitude'] as const) : []),
  ...(loraBias || bias !== 'none' ? (['biasDelta'] as const) : []),
];

type Spec = EffectiveSpec & ParameterSpec & { readonly site: string };

function specsOf(config: LoraConfig, target: LoraTarget, start: PreparedStart | undefined): Spec[] {
  const names = parameterNames(config, target.path);
  const { inputSize, outputSize, rank, path, kind } = target;
  const laws = initialLaws(config, target);
  // Rows of a table are looked up before they are multiplied, so that its factors are the same for a whole batch. Both are: mixed apart they
  // would not be one point of a simplex.
  const perExample = kind === 'table' ? 'none' : 'axis';
  const common = { site: path, perExample } as const;
  const law = (name: string, usual: ParameterSpec['initial']) => {
    const values = start?.get(name);
    return values ? ({ kind: 'given', values } as const) : usual;
  };
  return [
    { ...common, name: names.down, shape: [inputSize, rank], initial: law(names.down, laws.down) },
    { ...common, name: names.up, shape: [rank, outputSize], initial: law(names.up, laws.up) },
    ...(config.dora
      ? [{ ...common, name: names.magnitudeDelta, shape: [outputSize], initial: zero, exclusive: true }]
      : []),
    ...(config.loraBias ? [{ ...common, name: names.upBias, shape: [outputSize], initial: laws.upBias }] : []),
  ];
}

function biasSpec(config: LoraConfig, path: string, host: HostSpec): Spec {
  const site = host.sites.find(
    (entry): entry is Extract<Site, { kind: 'linear' | 'norm' }> =>
      entry.path === path && (entry.kind === 'linear' || entry.kind === 'norm'),
  )!;
  const size = site.kind === 'linear' ? site.outputSize : site.size;
  const { biasDelta: name } = parameterNames(config, path);
  return { name, shape: [size], initial: zero, site: path, perExample: 'axis' };
}

const zero = { kind: 'constant', value: 0 } as const;
