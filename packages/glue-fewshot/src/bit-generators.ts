import { PeftError } from '@tfjs-peft/peft-core';
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

const size = 624;
const middle = 397;

/**
 * The 32-bit words of numpy's legacy `RandomState(seed)`: MT19937 (Matsumoto & Nishimura 1998) with the 1812433253 seeding
 * recurrence. Errors: `SEED_INVALID` beyond 2^32 - 1, as in numpy.
 */
export function mt19937(seed: number | bigint): NextWord {
  if (checkSeed(seed) > 0xffffffffn)
    throw new PeftError('SEED_INVALID', {
      found: `data seed ${seed}`,
      expected: 'at most 4294967295 for the legacy generator of protocol "per_class"',
      fix: 'choose a smaller seed',
    });
  const key = new Uint32Array(size);
  key[0] = Number(seed);
  for (let i = 1; i < size; i++) key[i] = Math.imul(1812433253, key[i - 1]! ^ (key[i - 1]! >>> 30)) + i;
  let position = size;
  return () => {
    if (position === size) {
      refill(key);
      position = 0;
    }
    let word = key[position++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  };
}

function refill(key: Uint32Array): void {
  for (let i = 0; i < size; i++) {
    const y = (key[i]! & 0x80000000) | (key[(i + 1) % size]! & 0x7fffffff);
    key[i] = key[(i + middle) % size]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
  }
}
