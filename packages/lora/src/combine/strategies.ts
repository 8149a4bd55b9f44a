import { PeftError } from '@tfjs-peft/peft-core';
import { type CombineOptions, chooseStrategy as chooseByName } from '@tfjs-peft/peft-core/authoring';
import { largestRank } from '../config.js';

/** How the values of several adapters become one. */
export type MergeRule = 'sum' | 'ties' | 'dareSum' | 'dareTies' | 'prunedSum';

/**
 * What a strategy of HF peft's `add_weighted_adapter` works on: `factors`, each factor by itself (equal ranks, an approximation);
 * `deltas`, the product, factored anew; `stack`, the factors side by side (exact, the ranks add up).
 */
export interface Strategy {
  readonly on: 'factors' | 'deltas' | 'stack';
  readonly rule: MergeRule;
}

const strategies: Readonly<Record<string, Strategy>> = {
  svd: { on: 'deltas', rule: 'sum' },
  linear: { on: 'factors', rule: 'sum' },
  cat: { on: 'stack', rule: 'sum' },
  ties: { on: 'factors', rule: 'ties' },
  ties_svd: { on: 'deltas', rule: 'ties' },
  dare_linear: { on: 'factors', rule: 'dareSum' },
  dare_linear_svd: { on: 'deltas', rule: 'dareSum' },
  dare_ties: { on: 'factors', rule: 'dareTies' },
  dare_ties_svd: { on: 'deltas', rule: 'dareTies' },
  magnitude_prune: { on: 'factors', rule: 'prunedSum' },
  magnitude_prune_svd: { on: 'deltas', rule: 'prunedSum' },
};

/** Names of the strategies; the first is the usual one. */
export const combineStrategies: readonly string[] = Object.keys(strategies);

/** The options that a strategy follows; all take a seed, which changes nothing where nothing is drawn. */
const readBy = (name: string): string[] => {
  const { on, rule } = strategies[name]!;
  return [...(on === 'deltas' ? ['rank'] : []), ...(rule === 'sum' ? [] : ['density']), 'seed'];
};

/**
 * The strategy that the options name; a single adapter is only scaled, whatever they say, as in HF peft.
 * Errors: `COMBINE_STRATEGY_UNKNOWN`; `COMBINE_OPTION_INVALID` for pruning without a density in (0, 1], a rank that no LoRA may have, and options that
 * the strategy does not follow.
 */
export function chooseStrategy(options: CombineOptions, members: number): Strategy {
  const { density, rank } = options;
  const strategy = chooseByName(options, combineStrategies, 'LoRA', readBy);
  const chosen = strategies[strategy]!;
  if (chosen.rule !== 'sum' && !(density !== undefined && density > 0 && density <= 1))
    throw new PeftError('COMBINE_OPTION_INVALID', {
      found: `density ${density ?? 'none'} for strategy "${strategy}"`,
      expected: 'a density in (0, 1]: the share of the values that is kept',
      fix: 'pass `density: 0.5`, say',
    });
  if (rank !== undefined && !(Number.isInteger(rank) && rank >= 1 && rank <= largestRank))
    throw new PeftError('COMBINE_OPTION_INVALID', {
      found: `rank ${rank}`,
      expected: `a whole number from 1 to ${largestRank}`,
    });
  return members === 1 ? strategies['linear']! : chosen;
}
