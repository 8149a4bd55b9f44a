import { PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import {
  chooseStrategy,
  type CombinedMethod,
  type CombineMember,
  type CombineOptions,
  weightedMean,
} from '@tfjs-peft/peft-core/authoring';
import type { AdapterConfig } from './config.js';

/**
 * The weighted mean of the parameters of adapters that compute the same function of them, under the names of the first; `average` is the only
 * strategy. The parameters are not linear in their effect: a mean is sensible for adapters that started from the same values.
 * Errors: `COMBINE_STRATEGY_UNKNOWN`, `COMBINE_OPTION_INVALID`, `COMBINE_MISMATCH`.
 */
export function averageAdapters(
  config: AdapterConfig,
  members: readonly CombineMember[],
  options: CombineOptions,
  create: (config: AdapterConfig) => PeftMethod<AdapterConfig>,
): CombinedMethod {
  chooseStrategy(options, ['average'], 'bottleneck adapters');
  const own = functionOf(config);
  const other = members.map(({ method }) => functionOf(method.config as AdapterConfig)).find((text) => text !== own);
  if (other !== undefined)
    throw new PeftError('COMBINE_MISMATCH', {
      found: `bottleneck adapters with ${own} and with ${other}`,
      expected: 'the same placement, activation and scale',
      fix: 'combine adapters that were trained with the same configuration',
    });
  return { method: create(config), effective: weightedMean(members) };
}

/** What the parameters' shapes do not say about the function that they enter. */
const functionOf = ({ placement, activation, scale }: AdapterConfig) =>
  JSON.stringify({ placement, activation, scale });
