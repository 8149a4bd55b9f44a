import { describe, expect, it } from '@jest/globals';
import { judge, simulate } from './simulate.js';

describe('simulated experiments', () => {
  it('are covered by their intervals, and without effect give no more findings than allowed', () => {
    // All cases and 2,000 experiments each: npm run simulate.
    const results = simulate(60, (what) => !/10 splits|3 splits|x 200 items, items/.test(what));
    expect(results.length).toBeGreaterThan(12);
    expect(results.filter((result) => judge(result) === 'off')).toEqual([]);
  });

  it('are judged: intervals that are too narrow, tests that find too much', () => {
    const one = { what: '', nominal: 0.95, runs: 2000 };
    expect(judge({ ...one, kind: 'coverage', share: 0.96 })).toBe('ok');
    expect(judge({ ...one, kind: 'coverage', share: 0.92 })).toBe('off');
    expect(judge({ ...one, kind: 'false positives', nominal: 0.05, share: 0.08 })).toBe('off');
    expect(judge({ ...one, kind: 'false positives', nominal: 0.05, share: 0.01 })).toBe('ok');
  });
});
