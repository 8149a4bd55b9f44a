import { PeftError } from '@tfjs-peft/peft-core';
import { mersenneTwister } from '@tfjs-peft/peft-core/authoring';
import { checkSeed, seedSequence } from './seed-sequence.js';

/** Gives the next uniform 32-bit word as an unsigned number. */
export type NextWord = () => number;

const multiplier = 0x2360ed051fc65da44385df649fccf645n;
const rotate64 = (value: bigint, by: bigint) => BigInt.asUintN(64, (value >> by) | (value << (-by & 63n)));

/**
 * The 32-bit words of `numpy.random.default_rng(seed)`: PCG64 (128-bit linear congruential state, XSL-RR output; O'Neill 2014)
 * seeded by SeedSequence. Each 64-bit output serves two words, the low half first. Errors: `SEED_INVALID`.
 */
export function pcg64(seed: number | bigint): NextWord {
  const [stateHigh, stateLow, streamHigh, streamLow] = seedSequence(seed, 4) as [bigint, bigint, bigint, bigint];
  const increment = BigInt.asUintN(128, (((streamHigh << 64n) | streamLow) << 1n) | 1n);
  const step = (state: bigint) => BigInt.asUintN(128, state * multiplier + increment);
  // From state 0, one step leaves the increment alone; the seed's state is added before the second.
  let state = step(BigInt.asUintN(128, increment + ((stateHigh << 64n) | stateLow)));
  let high: number | undefined;
  return () => {
    if (high !== undefined) {
      const word = high;
      high = undefined;
      return word;
    }
    state = step(state);
    const output = rotate64(BigInt.asUintN(64, (state >> 64n) ^ state), state >> 122n);
    high = Number(output >> 32n);
    return Number(output & 0xffffffffn);
  };
}

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
