import type { HostSpec, PeftMethod } from '@tfjs-peft/peft-core';
import {
  getParameter,
  type InitialLaw,
  matchTargets,
  type MethodDefinition,
  parseConfig,
  sitesWithRole,
} from '@tfjs-peft/peft-core/authoring';
import type * as z from 'zod';
import { type MyMethodConfig, myMethodConfig } from './config.js';

/** Makes the method known by name: in experiments, in adapter files, on the command line. */
export const myMethodDefinition: MethodDefinition<typeof myMethodConfig> = {
  type: 'MY_METHOD',
  contract: 2,
  config: myMethodConfig,
  create: (config) => createMyMethod(config),
};

/**
 * A trained vector s scales the output y of every target: `y' = y ⊙ (1 + s)`, y `[batch, tokens, output]`, s `[output]`. With s = 0 the
 * host is as it was. Effective parameters: one `[output]` a target.
 * Errors: `CONFIG_INVALID`; `plan`: `TARGET_UNMATCHED`, `TARGET_PATTERN_INVALID`.
 */
export const myMethod = (config: z.input<typeof myMethodConfig> = {}): PeftMethod<MyMethodConfig> =>
  createMyMethod(parseConfig(myMethodConfig, config, 'myMethod'));

function createMyMethod(config: MyMethodConfig): PeftMethod<MyMethodConfig> {
  const { name: namespace, initialStandardDeviation: standardDeviation } = config;
  const initial: InitialLaw =
    standardDeviation === 0 ? { kind: 'constant', value: 0 } : { kind: 'normal', standardDeviation };
  const scalesOn = (host: HostSpec) =>
    targetsOn(host, config.targets).map(({ path, outputSize }) => ({
      name: `${namespace}.${path}.scale`,
      shape: [outputSize],
      site: path,
    }));
  return {
    type: myMethodDefinition.type,
    config,
    namespaces: [namespace],
    plan(host) {
      const scales = scalesOn(host);
      return {
        raw: scales.map(({ name, shape }) => ({ name, shape, initial })),
        // A gate may differ between the examples of a batch: a simplex then draws another point for each.
        effective: scales.map((scale) => ({ ...scale, perExample: 'axis' })),
      };
    },
    intervene: (effective, { host }) =>
      scalesOn(host).map(({ name, site }) => ({
        kind: 'outputGate',
        path: site,
        gate: getParameter(effective, name).add(1),
      })),
  };
}

const targetsOn = (host: HostSpec, targets: MyMethodConfig['targets']) =>
  targets === null ? sitesWithRole(host, 'query', 'value') : matchTargets(host, 'linear', targets);
