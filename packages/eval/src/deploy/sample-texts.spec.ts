import { describe, expect, it } from '@jest/globals';
import { compareLogits } from './sample-texts.js';

const compare = (found: readonly number[], expected: readonly number[]) =>
  compareLogits(Float32Array.from(found), Float32Array.from(expected));

describe('compareLogits', () => {
  it('gives the largest difference and the largest logit', () =>
    expect(compare([1, -4], [1.5, -4.25])).toEqual({ difference: 0.5, largest: 4.25 }));

  it.each([
    ['no number, wherever it stands', [NaN, 1], [1, 1]],
    ['no number in what was meant', [1, 1], [1, NaN]],
    ['an infinite logit', [Infinity, 1], [1, 1]],
    ['another count', [1], [1, 1]],
  ])('is infinite for %s', (_, found, expected) => expect(compare(found, expected).difference).toBe(Infinity));
});
