import { mt19937, type NextWord, pcg64 } from './bit-generators.js';

/**
 * `numpy.random.default_rng(seed).permutation(count)`, exactly: what `Dataset.shuffle(seed)` of huggingface/datasets does and
 * what protocols `fixed`, `same_k` and `budget` cut. Errors: `SEED_INVALID`.
 */
export const numpyPermutation = (seed: number | bigint, count: number): number[] => shuffled(pcg64(seed), count);

/**
 * `numpy.random.seed(seed); numpy.random.shuffle(rows)` of 0..count-1, exactly: the order LM-BFF cuts. Errors: `SEED_INVALID`.
 */
export const legacyPermutation = (seed: number | bigint, count: number): number[] => shuffled(mt19937(seed), count);

/** Both of numpy's shuffles are Fisher-Yates from the end with masked rejection. */
function shuffled(next: NextWord, count: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = drawUpTo(next, i);
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  return order;
}

/** Uniform in 0..highest: words cut to the smallest all-ones mask that holds `highest`, redrawn while too large. */
function drawUpTo(next: NextWord, highest: number): number {
  const mask = 0xffffffff >>> Math.clz32(highest);
  for (;;) {
    const value = (next() & mask) >>> 0;
    if (value <= highest) return value;
  }
}
