import { describe, expect, it } from '@jest/globals';
import { minimise } from './minimise.js';

describe('minimise', () => {
  it('finds the minimum of a badly conditioned quadratic', () => {
    const weights = [1, 10, 1000, 1e5];
    const solution = minimise((x, gradient) => {
      weights.forEach((weight, i) => (gradient[i] = weight * (x[i]! - i)));
      return weights.reduce((sum, weight, i) => sum + (weight * (x[i]! - i) ** 2) / 2, 0);
    }, new Float64Array(4));
    solution.forEach((value, i) => expect(value).toBeCloseTo(i, 6));
  });

  it('ends where rounding hides every further step', () => {
    let calls = 0;
    minimise((x, gradient) => {
      calls += 1;
      gradient[0] = 1e-6;
      return 1e15 + 1e-6 * x[0]!;
    }, Float64Array.of(3));
    expect(calls).toBeLessThan(100);
  });
});
