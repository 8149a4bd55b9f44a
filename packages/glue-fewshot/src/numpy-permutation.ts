import { maskedShuffle, pcg64 } from '@tfjs-peft/peft-core/authoring';
import { mt19937 } from './bit-generators.js';

/**
 * `numpy.random.default_rng(seed).permutation(count)`, exactly: what `Dataset.shuffle(seed)` of huggingface/datasets does and
 * what protocols `fixed`, `same_k` and `budget` cut. Errors: `SEED_INVALID`.
 */
export const numpyPermutation = (seed: number | bigint, count: number): number[] => shuffled(pcg64(seed), count);

/**
 * `numpy.random.seed(seed); numpy.random.shuffle(rows)` of 0..count-1, exactly: the order LM-BFF cuts. Errors: `SEED_INVALID`.
 */
export const legacyPermutation = (seed: number | bigint, count: number): number[] => shuffled(mt19937(seed), count);

const shuffled = (next: () => number, count: number): number[] =>
  maskedShuffle(
    next,
    Array.from({ length: count }, (_, i) => i),
  );
