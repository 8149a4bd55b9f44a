import type { PeftMethod } from '@tfjs-peft/peft-core';
import {
  getParameter,
  type MethodDefinition,
  parseConfig,
  rememberPerHost,
  sumDifferences,
} from '@tfjs-peft/peft-core/authoring';
import type * as z from 'zod';
import { chooseBiases } from './choose-biases.js';
import { type BitfitConfig, bitfitConfig } from './config.js';
import { initialLaw } from './initial-law.js';

/** Makes BitFit known by name: type `BITFIT`. */
export const bitfitDefinition: MethodDefinition<typeof bitfitConfig> = {
  type: 'BITFIT',
  config: bitfitConfig,
  apart: (config) => ({ ...config, initialStandardDeviation: 0.01 }),
  create: (config) => createBitfit(config),
};

/**
 * BitFit (Ben Zaken, Ravfogel and Goldberg 2022, arXiv 2106.10199, section 3): only biases are trained, `W x + b + Δb`. Effective parameters:
 * one difference `[size]` a bias, called `<name>.<module path>.bias`. They start at zero: the host as it is.
 * Errors: `CONFIG_INVALID`; `plan`: `TARGET_UNMATCHED`, `TARGET_PATTERN_INVALID`.
 */
export const bitfit = (config: z.input<typeof bitfitConfig> = {}): PeftMethod<BitfitConfig> =>
  createBitfit(parseConfig(bitfitConfig, config, 'bitfit'));

function createBitfit(config: BitfitConfig): PeftMethod<BitfitConfig> {
  const biasesOf = rememberPerHost((host) => chooseBiases(config, host));
  const nameOf = (path: string) => `${config.name}.${path}.bias`;
  const initial = initialLaw(config.initialStandardDeviation);
  return {
    type: bitfitDefinition.type,
    config,
    namespaces: [config.name],
    kinds: ['biasDelta'],
    plan(host) {
      const modules = biasesOf(host);
      return {
        raw: modules.map(({ path, size }) => ({ name: nameOf(path), shape: [size], initial })),
        effective: modules.map(({ path, size }) => ({
          name: nameOf(path),
          shape: [size],
          site: path,
          perExample: 'axis' as const,
        })),
      };
    },
    intervene: (effective, { host }) =>
      biasesOf(host).map(({ path }) => ({
        kind: 'biasDelta',
        path,
        delta: getParameter(effective, nameOf(path)),
      })),
    combine: (members, options) => sumDifferences(members, options),
  };
}
