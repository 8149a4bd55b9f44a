import { describe, expect, it } from '@jest/globals';
import { describeOnNative } from '../jest/on-native.js';
import { judge, simulate } from './simulate.js';

// 2,000 experiments each: npm run simulate.
const off = (runs: number, only: (what: string) => boolean) =>
  simulate(runs, only).filter((result) => judge(result) === 'off');

describe('simulated experiments', () => {
  it('without effect give no more findings than allowed', () => {
    expect(off(40, (what) => /Holm|equivalence|paired t/.test(what))).toEqual([]);
  });

  it('are judged: intervals that are too narrow, tests that find too much', () => {
    const one = { what: '', nominal: 0.95, runs: 2000 };
    expect(judge({ ...one, kind: 'coverage', share: 0.96 })).toBe('ok');
    expect(judge({ ...one, kind: 'coverage', share: 0.92 })).toBe('off');
    expect(judge({ ...one, kind: 'false positives', nominal: 0.05, share: 0.08 })).toBe('off');
    expect(judge({ ...one, kind: 'false positives', nominal: 0.05, share: 0.01 })).toBe('ok');
  });
});

describeOnNative('simulated experiments on splits and items', () => {
  it('are covered by the intervals of the bootstrap', () => {
    expect(off(80, (what) => /bootstrap/.test(what) && !/10 splits/.test(what))).toEqual([]);
  });
});
