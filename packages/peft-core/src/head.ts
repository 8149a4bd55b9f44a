import * as z from 'zod';
import { chooseStrategy, weightedMean } from './combine-parameters.js';
import { PeftError } from './errors.js';
import { headActivations, type HostSpec, type Readout, readouts, sitesOfKind } from './host-spec.js';
import type { CombinedMethod, CombineMember, CombineOptions, HeadLayout, PeftMethod } from './method.js';
import { getParameter } from './parameters.js';
import type { ParameterSpec } from './plan.js';
import { type MethodDefinition, parseConfig } from './registry.js';

const headConfig = z.strictObject({
  /** Names of the labels in the order of the logits; one name for a regression. */
  labels: z.array(z.string()).min(1),
  /** How hidden states become one vector; the host's usual way if null. */
  readout: z
    .enum(readouts as [Readout, ...Readout[]])
    .nullable()
    .default(null),
  /** A dense layer of the host's hidden size and this activation before the labels: `tanh` as in RoBERTa, `relu` as in DistilBERT, `gelu` as in ELECTRA. */
  hidden: z.enum(['none', ...headActivations]).default('none'),
  /** A LayerNorm without a bias after the activation, and no bias in the dense layer, as in ModernBERT. */
  normalised: z.literal(true).optional(),
  /** Each text is a choice of a question and gets one score, as in HF's classes for multiple choice; `choiceLogits` puts them side by side. */
  choices: z.literal(true).optional(),
  /** Dropout on the input of each affine map in training. */
  dropout: z.number().min(0).lt(1).default(0),
  /** Standard deviation of the weight's initial values; the bias starts at zero. */
  initialStandardDeviation: z.number().nonnegative().default(0.02),
  /**
   * What the targets of a regression were standardised by in training. For the record: the stored weight and bias give the units of the
   * task already.
   */
  targets: z.strictObject({ mean: z.number(), standardDeviation: z.number().positive() }).optional(),
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default('head'),
});

/** A validated configuration of `head`, defaults written out. */
export type HeadConfig = z.output<typeof headConfig>;

/** Makes the head known by name: type `HEAD`. */
export const headDefinition: MethodDefinition<typeof headConfig> = {
  type: 'HEAD',
  config: headConfig,
  takesLabels: true,
  create: (config) => createHead(config),
};

/**
 * A linear head `[labels, hidden]` on the pooled features, with a dense layer before it if asked for: an ordinary method that acts at the
 * host's readout, owned by the adapter.
 * Errors: `CONFIG_INVALID`; `plan`: `READOUT_UNAVAILABLE` on a host without the readout.
 */
export const head = (config: z.input<typeof headConfig>): PlainHead =>
  createHead(parseConfig(headConfig, config, 'head'));

/** Whether a method says that it is a head. */
export const isHead = (method: PeftMethod): method is HeadMethod => method.head !== undefined;

/** A method that says of itself that it is a head. */
export type HeadMethod<Config = unknown> = PeftMethod<Config> & { readonly head: HeadLayout };
export type PlainHead = HeadMethod<HeadConfig>;

/** The method with every readout of its heads written out: the host's usual one may be another tomorrow. */
export function resolveReadouts(method: PeftMethod, host: HostSpec): PeftMethod {
  if (isHead(method)) return method.head.withReadout(resolveReadout(method.head, host));
  return headsOf(method).length > 0
    ? method.withParts!(method.parts!.map((part) => resolveReadouts(part, host)))
    : method;
}

/** All heads in a method, through any wrapper. */
export const headsOf = (method: PeftMethod): HeadMethod[] =>
  isHead(method) ? [method] : (method.parts ?? []).flatMap(headsOf);

/** The readout that a head uses on a host. Errors: `READOUT_UNAVAILABLE`. */
export function resolveReadout(config: Pick<HeadLayout, 'readout'>, host: HostSpec): Readout {
  const readout = config.readout ?? host.defaultReadout;
  const available = sitesOfKind(host, 'readout').flatMap((site) => site.readouts);
  if (available.includes(readout)) return readout;
  throw new PeftError('READOUT_UNAVAILABLE', {
    found: `readout "${readout}" on host "${host.name}"`,
    expected: `one of ${available.join(', ')}`,
    fix: 'choose one of them in the head, `readout: "mean"` for example',
  });
}

const headNames = ({ name }: HeadConfig) => ({
  weight: `${name}.classifier.weight`,
  bias: `${name}.classifier.bias`,
  hiddenWeight: `${name}.dense.weight`,
  hiddenBias: `${name}.dense.bias`,
  hiddenNorm: `${name}.norm.weight`,
});

/**
 * The weighted mean (`average`, the only strategy) of heads that compute the same function of their parameters.
 * Errors: `COMBINE_STRATEGY_UNKNOWN`, `COMBINE_OPTION_INVALID`, `COMBINE_MISMATCH`.
 */
function combineHeads(
  config: HeadConfig,
  members: readonly CombineMember[],
  options: CombineOptions,
  host: HostSpec,
): CombinedMethod {
  chooseStrategy(options, ['average'], 'heads');
  const own = functionOf(config, host);
  const other = members.map(({ method }) => functionOf(method.config as HeadConfig, host)).find((text) => text !== own);
  if (other !== undefined)
    throw new PeftError('COMBINE_MISMATCH', {
      found: `heads of ${own} and of ${other}`,
      expected: 'the same labels in the same order, the same readout and the same layers',
      fix: 'keep one head or none: `head: "keep"` or `head: "drop"`',
    });
  return { method: createHead(config), effective: weightedMean(members) };
}

/** What the parameters' shapes do not say about the function that they enter. */
const functionOf = (config: HeadConfig, host: HostSpec): string => {
  const { labels, hidden, normalised, choices } = config;
  return JSON.stringify({ labels, readout: resolveReadout(config, host), hidden, normalised, choices });
};

function createHead(config: HeadConfig): PlainHead {
  const names = headNames(config);
  const { hidden } = config;
  const normalised = hidden !== 'none' && config.normalised === true;
  return {
    type: headDefinition.type,
    config,
    namespaces: [config.name],
    kinds: ['readout'],
    head: {
      labels: config.labels,
      readout: config.readout,
      hidden,
      names,
      ...(normalised && { normalised }),
      ...(config.choices && { choices: true }),
      withReadout: (readout) => createHead({ ...config, readout }),
    },
    plan(host) {
      resolveReadout(config, host);
      const site = sitesOfKind(host, 'readout')[0]!;
      const affine = (weight: string, bias: string, outputSize: number): ParameterSpec[] => [
        {
          name: weight,
          shape: [outputSize, host.hiddenSize],
          initial: { kind: 'normal', standardDeviation: config.initialStandardDeviation },
        },
        { name: bias, shape: [outputSize], initial: { kind: 'constant', value: 0 } },
      ];
      const raw = [
        ...affine(names.weight, names.bias, config.labels.length),
        ...(hidden === 'none'
          ? []
          : affine(names.hiddenWeight, names.hiddenBias, host.hiddenSize).filter(
              ({ name }) => !normalised || name !== names.hiddenBias,
            )),
        ...(normalised
          ? [{ name: names.hiddenNorm, shape: [host.hiddenSize], initial: { kind: 'constant', value: 1 } as const }]
          : []),
      ];
      const ofClassifier = [names.weight, names.bias];
      const effective = raw.map(({ name, shape }) => ({
        name,
        shape,
        site: site.path,
        ...(!ofClassifier.includes(name) && { layer: 'dense' }),
        perExample: 'axis' as const,
        exclusive: true,
      }));
      return { raw, effective };
    },
    intervene: (effective, { host }) => [
      {
        kind: 'readout',
        readout: resolveReadout(config, host),
        weight: getParameter(effective, names.weight),
        bias: getParameter(effective, names.bias),
        ...(hidden !== 'none' && {
          hidden: {
            weight: getParameter(effective, names.hiddenWeight),
            ...(normalised
              ? { norm: getParameter(effective, names.hiddenNorm) }
              : { bias: getParameter(effective, names.hiddenBias) }),
            activation: hidden,
          },
        }),
        dropout: config.dropout,
      },
    ],
    combine: (members, options, host) => combineHeads(config, members, options, host),
  };
}
