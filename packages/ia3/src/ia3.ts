import type { PeftMethod } from '@tfjs-peft/peft-core';
import { getParameter, type MethodDefinition, parseConfig, rememberPerHost } from '@tfjs-peft/peft-core/authoring';
import type * as z from 'zod';
import { chooseGates } from './choose-gates.js';
import { combineGates } from './combine-gates.js';
import { type Ia3Config, ia3Config } from './config.js';
import { ia3Files, readHfIa3Config } from './hf-files.js';

/** Makes IA3 known by name: type `IA3`. */
export const ia3Definition: MethodDefinition<typeof ia3Config> = {
  type: 'IA3',
  config: ia3Config,
  apart: (config) => ({ ...config, initialStandardDeviation: 0.01 }),
  create: (config) => createIa3(config),
  fromHfConfig: readHfIa3Config,
};

/**
 * IA3 (Liu et al. 2022, arXiv 2205.05638, section 3.3): learned vectors l multiply keys, values and the inside of the feed-forward network,
 * `softmax(q (l_k ⊙ k)ᵀ / √d) (l_v ⊙ v)` and `W₂ (l_ff ⊙ activation(W₁ x))`. Effective parameters: `[output]` for gates on outputs,
 * `[input]` for those on inputs. They start at one: the host as it is.
 * Errors: `CONFIG_INVALID`; `plan`: `TARGET_UNMATCHED`, `TARGET_PATTERN_INVALID`.
 */
export const ia3 = (config: z.input<typeof ia3Config> = {}): PeftMethod<Ia3Config> =>
  createIa3(parseConfig(ia3Config, config, 'ia3'));

function createIa3(config: Ia3Config): PeftMethod<Ia3Config> {
  const gatesOf = rememberPerHost((host) => chooseGates(config, host));
  const { initialStandardDeviation: standardDeviation } = config;
  const initial =
    standardDeviation === 0
      ? ({ kind: 'constant', value: 1 } as const)
      : ({ kind: 'normal', mean: 1, standardDeviation } as const);
  return {
    type: ia3Definition.type,
    config,
    namespaces: [config.name],
    kinds: ['inputGate', 'outputGate'],
    plan(host) {
      const gates = gatesOf(host);
      return {
        raw: gates.map(({ name, size }) => ({ name, shape: [size], initial })),
        effective: gates.map(({ name, size, site }) => ({
          name,
          shape: [size],
          site: site.path,
          perExample: 'axis' as const,
        })),
      };
    },
    intervene: (effective, { host }) =>
      gatesOf(host).map(({ name, side, site: { path } }) => {
        const gate = getParameter(effective, name);
        return side === 'input' ? { kind: 'inputGate', path, gate } : { kind: 'outputGate', path, gate };
      }),
    combine: (members, options, host) =>
      combineGates(
        members,
        ({ method }) =>
          new Map(chooseGates(method.config as Ia3Config, host).map(({ name, side }) => [name, side] as const)),
        options,
      ),
    files: ia3Files(config),
  };
}
