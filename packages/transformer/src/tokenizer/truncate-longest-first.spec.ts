import { describe, expect, it } from '@jest/globals';
import { truncateLongestFirst } from './truncate-longest-first.js';

describe('truncateLongestFirst', () => {
  // Worked by hand: [first, second, budget] -> [kept of first, kept of second].
  it.each([
    [
      [3, 4, 7],
      [3, 4],
    ],
    [
      [3, 4, 100],
      [3, 4],
    ],
    [
      [2, 9, 7],
      [2, 5],
    ], // only the longer side is cut
    [
      [9, 2, 7],
      [5, 2],
    ],
    [
      [9, 9, 8],
      [4, 4],
    ],
    [
      [9, 9, 7],
      [3, 4],
    ], // a tie: the odd token goes to the second side
    [
      [10, 9, 7],
      [4, 3],
    ], // the first side is longer: it gets the odd token
    [
      [9, 10, 7],
      [3, 4],
    ],
    [
      [4, 9, 7],
      [3, 4],
    ], // the shorter side has more than half of the budget
    [
      [3, 9, 7],
      [3, 4],
    ],
    [
      [5, 5, 1],
      [0, 1],
    ],
    [
      [6, 5, 1],
      [1, 0],
    ],
    [
      [5, 5, 0],
      [0, 0],
    ],
    [
      [0, 5, 3],
      [0, 3],
    ],
    [
      [5, 0, 3],
      [3, 0],
    ],
    [
      [0, 0, 0],
      [0, 0],
    ],
  ])('%j keeps %j', (given, kept) => {
    const [first, second, budget] = given as [number, number, number];
    expect(truncateLongestFirst(first, second, budget)).toEqual(kept);
  });

  it('uses the whole budget, cuts no more than it must and leaves the sides even when both lose', () => {
    for (let first = 0; first < 12; first++)
      for (let second = 0; second < 12; second++)
        for (let budget = 0; budget < 26; budget++) {
          const [a, b] = truncateLongestFirst(first, second, budget);
          expect(a + b).toBe(Math.min(first + second, budget));
          expect(a <= first && b <= second && a >= 0 && b >= 0).toBe(true);
          if (a < first && b < second) expect(Math.abs(a - b)).toBeLessThanOrEqual(1);
          if (a < first && b === second) expect(a).toBeGreaterThanOrEqual(b - 1);
          if (b < second && a === first) expect(b).toBeGreaterThanOrEqual(a - 1);
        }
  });
});
