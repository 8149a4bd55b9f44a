import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { fitLinearModel, linearProbe } from './linear-probe.js';

interface Golden {
  readonly task: 'classification' | 'regression';
  readonly inverseStrength: number;
  readonly classes?: number;
  readonly features: number[];
  readonly labels: number[];
  readonly testFeatures: number[];
  readonly coefficients: number[];
  readonly intercepts: number[];
  readonly probabilities?: number[];
  readonly predictions?: number[];
}
const goldens = JSON.parse(readFileSync(new URL('../../goldens/probes.json', import.meta.url), 'utf8')) as Golden[];
const largestDifference = (a: ArrayLike<number>, b: readonly number[]) => {
  expect(a.length).toBe(b.length);
  return Math.max(...b.map((value, index) => Math.abs(value - a[index]!)));
};
const probe = ({ features, testFeatures, ...rest }: Pick<Golden, 'features' | 'testFeatures' | 'labels'>) =>
  linearProbe({ ...rest, features: Float32Array.from(features), testFeatures: Float32Array.from(testFeatures) });

/** Coefficients and intercepts of the standardised features, as scikit-learn gives them, from a model of the features as they are. */
function standardisedFit({ features, testFeatures: _, ...rest }: Golden) {
  const { weight, bias, columns } = fitLinearModel({ ...rest, features: Float32Array.from(features) });
  const size = weight.length / columns;
  const rows = features.length / size;
  const column = (i: number) => Array.from({ length: rows }, (_row, row) => features[row * size + i]!);
  const means = Array.from({ length: size }, (_i, i) => column(i).reduce((sum, x) => sum + x, 0) / rows);
  const deviations = means.map((mean, i) => Math.sqrt(column(i).reduce((sum, x) => sum + (x - mean) ** 2, 0) / rows));
  return {
    coefficients: weight.map((w, i) => w * deviations[i % size]!),
    intercepts: bias.map((b, label) => b + means.reduce((sum, mean, i) => sum + mean * weight[label * size + i]!, 0)),
  };
}

describe('linearProbe', () => {
  it.each(goldens.filter(({ task }) => task === 'classification'))(
    'finds the minimum of LogisticRegression for $classes classes and C $inverseStrength',
    (golden) => {
      const { logits, columns } = probe(golden);
      const { coefficients, intercepts } = standardisedFit(golden);
      expect(columns).toBe(golden.classes);
      // One weight vector for two classes there; a fixed row of zeros and that vector here.
      const first = columns - golden.intercepts.length;
      expect(largestDifference(coefficients.subarray(first * 5), golden.coefficients)).toBeLessThan(1e-5);
      expect(largestDifference(intercepts.subarray(first), golden.intercepts)).toBeLessThan(1e-5);
      const probabilities = softmaxRows(logits, columns);
      expect(largestDifference(probabilities, golden.probabilities!)).toBeLessThan(1e-5);
    },
  );

  it('finds the minimum of Ridge', () => {
    const golden = goldens.find(({ task }) => task === 'regression')!;
    const { logits, columns } = probe(golden);
    const { coefficients, intercepts } = standardisedFit(golden);
    expect(columns).toBe(1);
    expect(largestDifference(coefficients, golden.coefficients)).toBeLessThan(1e-5);
    expect(largestDifference(intercepts, golden.intercepts)).toBeLessThan(1e-5);
    expect(largestDifference(logits, golden.predictions!)).toBeLessThan(1e-5);
  });

  it('keeps the columns of classes without examples, and never predicts them', () => {
    const features = Float32Array.of(-1, -0.8, 0.9, 1.1);
    const testFeatures = Float32Array.of(-1, 1);
    const { logits, columns } = linearProbe({ features, labels: [1, 1, 3, 3], testFeatures, labelCount: 5 });
    expect(columns).toBe(5);
    const rows = [logits.subarray(0, 5), logits.subarray(5)].map((row) => [...row]);
    expect(rows.map((row) => row.indexOf(Math.max(...row)))).toEqual([1, 3]);
    expect(rows[0]![0]).toBeLessThan(-1e8);
    const single = linearProbe({ features, labels: [1, 1, 1, 1], testFeatures, labelCount: 2 });
    expect([...single.logits]).toEqual([-1e9, 0, -1e9, 0]);
  });

  it('only centres a feature that never varies', () => {
    const { weight } = fitLinearModel({ features: Float32Array.of(0.1, -1, 0.1, 1, 0.1, 2), labels: [0, 1, 1] });
    expect([...weight].every(Number.isFinite)).toBe(true);
    expect(Math.abs(weight[2]!)).toBeLessThan(1e-6);
  });

  it('refuses features that do not fit the labels, and labels that are no classes', () => {
    const features = new Float32Array(5);
    const testFeatures = new Float32Array(2);
    const code = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        return (error as { code?: string }).code;
      }
      return undefined;
    };
    expect(code(() => linearProbe({ features, labels: [0, 1], testFeatures }))).toBe('FEATURES_MISSHAPEN');
    const pair = { features: new Float32Array(2), testFeatures };
    expect(code(() => linearProbe({ ...pair, labels: [0, 0.5] }))).toBe('LABEL_INVALID');
    expect(code(() => linearProbe({ ...pair, labels: [0, 2], labelCount: 2 }))).toBe('LABEL_INVALID');
    expect(code(() => linearProbe({ ...pair, labels: [1, NaN], task: 'regression' }))).toBe('LABEL_INVALID');
    expect(code(() => linearProbe({ ...pair, labels: [0, 1], inverseStrength: 0 }))).toBe('OPTION_INVALID');
    const holed = { ...pair, features: Float32Array.from([1, Infinity]) };
    expect(code(() => linearProbe({ ...holed, labels: [0, 1] }))).toBe('FEATURES_NOT_FINITE');
  });
});

const softmaxRows = (logits: Float32Array, columns: number): number[] =>
  [...logits].map((_, index) => {
    const start = index - (index % columns);
    const exponentials = [...logits.subarray(start, start + columns)].map(Math.exp);
    return exponentials[index - start]! / exponentials.reduce((sum, value) => sum + value, 0);
  });
