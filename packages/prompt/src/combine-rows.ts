import { PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import {
  chooseStrategy,
  type CombinedMethod,
  type CombineMember,
  type CombineOptions,
  weightedMean,
} from '@tfjs-peft/peft-core/authoring';
import { type RowsConfig, rowsName } from './virtual-tokens.js';

/**
 * `average` (the usual one): the weighted mean of prompts of one length. `concatenate`: the rows one after the other, for which weights have no
 * meaning and must be equal. `create` makes the method from the first configuration with another length.
 * Errors: `COMBINE_STRATEGY_UNKNOWN`, `COMBINE_OPTION_INVALID`, `COMBINE_MISMATCH`.
 */
export function combineRows<Config extends RowsConfig>(
  config: Config,
  members: readonly CombineMember[],
  options: CombineOptions,
  create: (config: Config) => PeftMethod<Config>,
): CombinedMethod {
  if (chooseStrategy(options, ['average', 'concatenate'], 'prompts') === 'average')
    return { method: create(config), effective: weightedMean(members) };
  const weights = members.map(({ weight }) => weight);
  if (new Set(weights).size > 1)
    throw new PeftError('COMBINE_MISMATCH', {
      found: `weights ${weights.join(', ')} for prompts that are put one after the other`,
      expected: 'the same weight for all',
      fix: 'give all the weight 1, or use strategy "average"',
    });
  const rows = members.map(({ method, effective }) => effective.get(rowsName(method.config as Config))!);
  const length = rows.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const size = rows[0]!.shape[1]!;
  const data = new Float32Array(length * size);
  rows.reduce((offset, array) => (data.set(array.data, offset), offset + array.data.length), 0);
  return {
    method: create({ ...config, length }),
    effective: new Map([[rowsName(config), { shape: [length, size], data }]]),
  };
}
