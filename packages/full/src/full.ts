import type { PeftMethod } from '@tfjs-peft/peft-core';
import {
  getParameter,
  type MethodDefinition,
  parseConfig,
  rememberPerHost,
  sumDifferences,
} from '@tfjs-peft/peft-core/authoring';
import type * as z from 'zod';
import { chooseTensors } from './choose-tensors.js';
import { type FullConfig, fullConfig } from './config.js';

/** Makes full fine-tuning known by name: type `FULL`. */
export const fullDefinition: MethodDefinition<typeof fullConfig> = {
  type: 'FULL',
  config: fullConfig,
  apart: (config) => ({ ...config, initialStandardDeviation: 0.01 }),
  create: (config) => createFull(config),
};

/**
 * Full fine-tuning as a method like any other: every tensor W of the host has a difference ΔW, and the host computes with W + ΔW. The gradient
 * in ΔW is that in W, so that an optimiser acts as it would on the weights themselves, and the host is never changed. Effective parameters: one
 * difference of the tensor's shape, called `<name>.<module path>.weight` or `.bias`. They start at zero: the host as it is.
 *
 * A simplex mixes vectors (biases, LayerNorms) for each example; of matrices (affine maps, tables) it mixes the outputs, which is the same.
 * Errors: `CONFIG_INVALID`; `plan`: `TARGET_UNMATCHED`, `TARGET_PATTERN_INVALID`.
 */
export const fullFineTuning = (config: z.input<typeof fullConfig> = {}): PeftMethod<FullConfig> =>
  createFull(parseConfig(fullConfig, config, 'fullFineTuning'));

function createFull(config: FullConfig): PeftMethod<FullConfig> {
  const tensorsOf = rememberPerHost((host) => chooseTensors(config, host));
  const { initialStandardDeviation: standardDeviation } = config;
  const initial =
    standardDeviation === 0
      ? ({ kind: 'constant', value: 0 } as const)
      : ({ kind: 'normal', standardDeviation } as const);
  return {
    type: fullDefinition.type,
    config,
    namespaces: [config.name],
    kinds: ['weightDelta', 'biasDelta'],
    plan(host) {
      const tensors = tensorsOf(host);
      return {
        raw: tensors.map(({ name, shape }) => ({ name, shape, initial })),
        effective: tensors.map(({ name, shape, module }) => ({
          name,
          shape,
          site: module,
          perExample: shape.length === 1 ? 'axis' : 'outputs',
        })),
      };
    },
    intervene: (effective, { host }) =>
      tensorsOf(host).map(({ name, module, part }) => ({
        kind: part === 'weight' ? 'weightDelta' : 'biasDelta',
        path: module,
        delta: getParameter(effective, name),
      })),
    combine: (members, options) => sumDifferences(members, options),
  };
}
