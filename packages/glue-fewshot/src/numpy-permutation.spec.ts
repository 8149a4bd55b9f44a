import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { errorOf } from '../test/error-of.js';
import { legacyPermutation, numpyPermutation } from './numpy-permutation.js';

interface Golden {
  readonly kind: 'default' | 'legacy';
  readonly seed: string;
  readonly count: number;
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly sha256: string;
}

const goldens = JSON.parse(readFileSync(new URL('../goldens/permutations.json', import.meta.url), 'utf8')) as {
  permutations: Golden[];
};
const digest = (order: readonly number[]) =>
  createHash('sha256')
    .update(new Uint8Array(Int32Array.from(order).buffer))
    .digest('hex');
const legacyAndDefault = { default: numpyPermutation, legacy: legacyPermutation };

describe('numpy permutations (T10)', () => {
  it('agree with the published examples', () => {
    expect(numpyPermutation(42, 10)).toEqual([5, 6, 0, 7, 3, 2, 4, 9, 1, 8]);
    expect(numpyPermutation(13, 10)).toEqual([6, 1, 5, 0, 4, 7, 2, 8, 3, 9]);
    expect(numpyPermutation(42, 2490).slice(0, 8)).toEqual([1913, 795, 1455, 1390, 1359, 242, 1872, 1357]);
    expect(legacyPermutation(13, 10)).toEqual([3, 5, 6, 1, 4, 7, 8, 9, 0, 2]);
    expect(legacyPermutation(42, 10)).toEqual([8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
    expect(legacyPermutation(13, 2490).slice(0, 8)).toEqual([659, 1431, 956, 819, 204, 1605, 2419, 229]);
  });

  it.each(['default', 'legacy'] as const)('equal numpy for every golden of the %s generator', (wanted) => {
    const chosen = goldens.permutations.filter(({ kind }) => kind === wanted);
    expect(chosen.length).toBeGreaterThan(70);
    for (const { kind, seed, count, first, last, sha256 } of chosen) {
      const order = legacyAndDefault[kind](BigInt(seed), count);
      expect({ seed, count, first: order.slice(0, 8), last: order.slice(-8), sha256: digest(order) }).toEqual({
        seed,
        count,
        first,
        last,
        sha256,
      });
    }
  });

  it('take number and bigint seeds alike', () => {
    expect(numpyPermutation(2 ** 40 + 3, 50)).toEqual(numpyPermutation(2n ** 40n + 3n, 50));
    expect(numpyPermutation(5, 0)).toEqual([]);
  });

  it('refuse seeds that numpy refuses or a double cannot hold', async () => {
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53, -1n])
      expect((await errorOf(() => numpyPermutation(seed, 3))).code).toBe('SEED_INVALID');
    expect((await errorOf(() => legacyPermutation(2 ** 32, 3))).message).toContain('4294967295');
  });
});
