import { seedSequence } from './seed-sequence.js';

const multiplier = 0x2360ed051fc65da44385df649fccf645n;
const rotate64 = (value: bigint, by: bigint) => BigInt.asUintN(64, (value >> by) | (value << (-by & 63n)));

/**
 * The 32-bit words of `numpy.random.default_rng(seed)`: PCG64 (128-bit linear congruential state, XSL-RR output; O'Neill 2014)
 * seeded by SeedSequence. Each 64-bit output serves two words, the low half first. Errors: `SEED_INVALID`.
 */
export function pcg64(seed: number | bigint): () => number {
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
 * numpy's `shuffle`, of `Generator` and of `RandomState`, exactly: Fisher-Yates from the end with masked rejection. Changes the list and returns it.
 */
export function maskedShuffle<List extends number[] | Int32Array>(next: () => number, list: List): List {
  return shuffleWith(list, (highest) => {
    const mask = 0xffffffff >>> Math.clz32(highest);
    for (;;) {
      const value = (next() & mask) >>> 0;
      if (value <= highest) return value;
    }
  });
}

/**
 * `Generator.choice(population, size=count, replace=False)` of numpy, exactly: Floyd's algorithm, or the tail of a shuffle where many of a large
 * population are asked for.
 */
export function distinctBelow(next: () => number, population: number, count: number): Int32Array {
  const draw = (highest: number) => boundedWord(next, highest);
  if (population > 10_000 && count > Math.floor(population / 50)) {
    const all = Int32Array.from({ length: population }, (_, i) => i);
    return shuffleWith(all, draw, Math.max(population - count, 1)).slice(population - count);
  }
  const chosen = new Set<number>();
  for (let last = population - count; last < population; last++) {
    const value = draw(last);
    chosen.add(chosen.has(value) ? last : value);
  }
  return shuffleWith(Int32Array.from(chosen), draw);
}

function shuffleWith<List extends number[] | Int32Array>(
  list: List,
  draw: (highest: number) => number,
  first = 1,
): List {
  for (let i = list.length - 1; i >= first; i--) {
    const j = draw(i);
    const kept = list[i]!;
    list[i] = list[j]!;
    list[j] = kept;
  }
  return list;
}

/** Uniform in 0..highest by Lemire's multiplication (2019, arXiv 1805.10941), 32 bits a draw. */
function boundedWord(next: () => number, highest: number): number {
  if (highest === 0) return 0;
  const range = BigInt(highest) + 1n;
  const threshold = (0xffffffffn - BigInt(highest)) % range;
  for (;;) {
    const product = BigInt(next()) * range;
    if ((product & 0xffffffffn) >= threshold) return Number(product >> 32n);
  }
}
