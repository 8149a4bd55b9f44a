import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { holm } from './holm.js';
import { pairedDifference } from './paired-difference.js';
import { studentTCumulative, studentTQuantile, studentTTwoSided } from './student-t.js';
import { summarise } from './summarise.js';
import { wilcoxonSignedRank } from './wilcoxon.js';

interface Goldens {
  summaries: Record<string, { values: number[]; mean: number; standardDeviation: number; interval: [number, number] }>;
  pairs: {
    a: number[];
    b: number[];
    mean: number;
    pValue: number;
    interval: number[];
    narrow: number[];
    wilcoxonP: number;
  }[];
  studentT: { t: number; df: number; cdf: number; twoSided: number }[];
  quantiles: { p: number; df: number; t: number }[];
  holm: { pValues: number[]; adjusted: number[] };
}
const goldens = JSON.parse(readFileSync(new URL('../../goldens/statistics.json', import.meta.url), 'utf8')) as Goldens;
const relative = (found: number, expected: number) =>
  Math.abs(found - expected) / Math.max(Math.abs(expected), Number.MIN_VALUE);

describe('Student t against scipy', () => {
  it('gives the cumulative probability and the two-sided tail', () => {
    for (const { t, df, cdf, twoSided } of goldens.studentT) {
      expect(relative(studentTCumulative(t, df), cdf)).toBeLessThan(1e-11);
      expect(relative(studentTTwoSided(t, df), twoSided)).toBeLessThan(1e-11);
    }
    expect(studentTCumulative(Infinity, 3)).toBe(1);
    expect(studentTCumulative(NaN, 3)).toBeNaN();
    expect([studentTTwoSided(NaN, 3), studentTTwoSided(-Infinity, 3)]).toEqual([NaN, 0]);
  });
  it('gives the quantile', () => {
    for (const { p, df, t } of goldens.quantiles) expect(relative(studentTQuantile(p, df), t)).toBeLessThan(1e-11);
    expect(studentTQuantile(0.5, 3)).toBe(0);
  });
});

describe('summarise', () => {
  it('gives mean, standard deviation and t interval as scipy does', () => {
    for (const golden of Object.values(goldens.summaries)) {
      const found = summarise(golden.values);
      expect(found.n).toBe(golden.values.length);
      expect(found.mean).toBeCloseTo(golden.mean, 10);
      expect(found.standardDeviation).toBeCloseTo(golden.standardDeviation, 10);
      expect(found.interval![0]).toBeCloseTo(golden.interval[0], 9);
      expect(found.interval![1]).toBeCloseTo(golden.interval[1], 9);
    }
  });
  it('claims no interval for no value, one value or equal values', () => {
    expect(summarise([])).toEqual({ n: 0, mean: NaN, standardDeviation: null, interval: null });
    expect(summarise([81])).toEqual({ n: 1, mean: 81, standardDeviation: null, interval: null });
    expect(summarise([54.1, 54.1, 54.1])).toMatchObject({ n: 3, standardDeviation: 0, interval: null });
    expect(summarise([1, NaN, 3])).toEqual({ n: 3, mean: NaN, standardDeviation: NaN, interval: null });
  });
});

describe('pairedDifference', () => {
  it('agrees with scipy: t test, intervals, exact signed-rank test with zeros and ties', () => {
    for (const golden of goldens.pairs) {
      const found = pairedDifference(golden.a, golden.b);
      expect(found.mean).toBeCloseTo(golden.mean, 9);
      expect(relative(found.pValue!, golden.pValue)).toBeLessThan(1e-8);
      expect(Math.abs(found.wilcoxonP! - golden.wilcoxonP)).toBeLessThan(golden.a.length > 50 ? 3e-7 : 1e-12);
      expect(found.interval![0]).toBeCloseTo(golden.interval[0]!, 8);
      expect(found.interval![1]).toBeCloseTo(golden.interval[1]!, 8);
      expect(pairedDifference(golden.a, golden.b, 0.05 / 6).interval![0]).toBeCloseTo(golden.narrow[0]!, 8);
    }
  });
  it('says better or worse only where the interval excludes zero', () => {
    expect(pairedDifference([82, 83, 84.5], [79, 80.2, 81.1]).verdict).toBe('better');
    expect(pairedDifference([79, 80.2, 81.1], [82, 83, 84.5]).verdict).toBe('worse');
    expect(pairedDifference([82, 83, 84], [79, 84, 83]).verdict).toBe('not separated');
  });
  it('separates nothing on one pair or on equal differences', () => {
    expect(pairedDifference([90], [50])).toMatchObject({
      n: 1,
      interval: null,
      pValue: null,
      verdict: 'not separated',
    });
    expect(pairedDifference([80.1, 81.2, 82.3], [79.1, 80.2, 81.3])).toMatchObject({
      interval: null,
      verdict: 'not separated',
    });
    expect(pairedDifference([80, 81], [80, 81])).toMatchObject({ mean: 0, wilcoxonP: 1, interval: null });
  });
  it('tests nothing where a value is no number', () => {
    const none = { interval: null, pValue: null, wilcoxonP: null, verdict: 'not separated' };
    for (const bad of [NaN, Infinity]) expect(pairedDifference([82, bad, 84.5], [79, 80.2, 81.1])).toMatchObject(none);
    expect(wilcoxonSignedRank([1, NaN, 2])).toBeNaN();
  });
  it('refuses lists of different lengths', () => {
    expect(() => pairedDifference([1, 2], [1])).toThrow('2 and 1 values');
  });
});

describe('holm', () => {
  it('adjusts p-values step down', () => {
    const found = holm(goldens.holm.pValues);
    found.forEach(({ adjusted }, index) => expect(adjusted).toBeCloseTo(goldens.holm.adjusted[index]!, 12));
    found.forEach(({ adjusted, separated }) => expect(separated).toBe(adjusted < 0.05));
  });
  it('gives every comparison a level that agrees with its verdict', () => {
    // The third p-value alone would pass its level of 0.05, but the second failed before it.
    const pValues = [0.001, 0.04, 0.045];
    const found = holm(pValues);
    expect(found.map((entry) => entry.separated)).toEqual([true, false, false]);
    found.forEach((entry, index) => expect(pValues[index]! < entry.alpha).toBe(entry.separated));
    expect(found[0]!.alpha).toBeCloseTo(0.05 / 3);
    expect(found[2]!.alpha).toBeCloseTo(0.05 / 2);
  });
  it('does not count what is no number', () => {
    const [none, first, second] = holm([NaN, 0.02, 0.04]);
    expect(none).toMatchObject({ adjusted: NaN, separated: false });
    expect([first, second]).toEqual(holm([0.02, 0.04]));
    expect(first!.separated).toBe(true);
  });
  it('is empty for no comparison', () => expect(holm([])).toEqual([]));
});
