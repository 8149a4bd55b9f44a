import { PeftError } from '@tfjs-peft/peft-core';
import { checkSeed, mersenneTwister } from '@tfjs-peft/peft-core/authoring';

/** Gives the next uniform 32-bit word as an unsigned number. */
export type NextWord = () => number;

/**
 * The 32-bit words of numpy's legacy `RandomState(seed)`: MT19937. Errors: `SEED_INVALID` beyond 2^32 - 1, as in numpy.
 */
export function mt19937(seed: number | bigint): NextWord {
  if (checkSeed(seed) > 0xffffffffn)
    throw new PeftError('SEED_INVALID', {
      found: `data seed ${seed}`,
      expected: 'at most 4294967295 for the legacy generator of protocol "per_class"',
      fix: 'choose a smaller seed',
    });
  return mersenneTwister(Number(seed));
}
