import { z } from 'zod';
import { PeftError } from './errors.js';
import { type HostSpec, type Readout, readouts, sitesOfKind } from './host.js';
import type { PeftMethod } from './method.js';
import { getParameter } from './parameters.js';
import { type MethodDefinition, parseConfig } from './registry.js';

const headConfig = z.strictObject({
  /** Names of the labels in the order of the logits; one name for a regression. */
  labels: z.array(z.string()).min(1),
  /** How hidden states become one vector; the host's usual way if null. */
  readout: z
    .enum(readouts as [Readout, ...Readout[]])
    .nullable()
    .default(null),
  /** Dropout on the pooled features in training. */
  dropout: z.number().min(0).lt(1).default(0),
  /** Standard deviation of the weight's initial values; the bias starts at zero. */
  initialStandardDeviation: z.number().nonnegative().default(0.02),
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default('head'),
});
export type HeadConfig = z.output<typeof headConfig>;

export const headDefinition: MethodDefinition<typeof headConfig> = {
  type: 'HEAD',
  config: headConfig,
  create: (config) => createHead(config),
};

/**
 * A linear head `[labels, hidden]` on the pooled features: an ordinary method that acts at the host's readout, owned by the adapter.
 * Errors: `CONFIG_INVALID`; `plan`: `READOUT_UNAVAILABLE` on a host without the readout.
 */
export const head = (config: z.input<typeof headConfig>): PeftMethod<HeadConfig> =>
  createHead(parseConfig(headConfig, config, 'head'));

export const isHead = (method: PeftMethod): method is PeftMethod<HeadConfig> => method.type === headDefinition.type;

/** The readout that a head uses on a host. Errors: `READOUT_UNAVAILABLE`. */
export function resolveReadout(config: HeadConfig, host: HostSpec): Readout {
  const readout = config.readout ?? host.defaultReadout;
  const available = sitesOfKind(host, 'readout').flatMap((site) => site.readouts);
  if (available.includes(readout)) return readout;
  throw new PeftError('READOUT_UNAVAILABLE', {
    found: `readout "${readout}" on host "${host.name}"`,
    expected: `one of ${available.join(', ')}`,
    fix: 'choose one of them in the head, `readout: "mean"` for example',
  });
}

function createHead(config: HeadConfig): PeftMethod<HeadConfig> {
  const weightName = `${config.name}.classifier.weight`;
  const biasName = `${config.name}.classifier.bias`;
  return {
    type: headDefinition.type,
    config,
    namespaces: [config.name],
    plan(host) {
      resolveReadout(config, host);
      const site = sitesOfKind(host, 'readout')[0]!;
      const weight = { name: weightName, shape: [config.labels.length, host.hiddenSize] };
      const bias = { name: biasName, shape: [config.labels.length] };
      return {
        raw: [
          { ...weight, initial: { kind: 'normal', standardDeviation: config.initialStandardDeviation } },
          { ...bias, initial: { kind: 'constant', value: 0 } },
        ],
        effective: [weight, bias].map((parameter) => ({ ...parameter, site: site.path, perExample: 'axis' as const })),
      };
    },
    intervene: (effective, { host }) => [
      {
        kind: 'readout',
        readout: resolveReadout(config, host),
        weight: getParameter(effective, weightName),
        bias: getParameter(effective, biasName),
        dropout: config.dropout,
      },
    ],
  };
}
