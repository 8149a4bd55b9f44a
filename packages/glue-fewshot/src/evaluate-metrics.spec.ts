import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { errorOf } from '../test/error-of.js';
import { averageRanks } from './correlations.js';
import { constantBaseline, evaluateMetrics, majorityBaseline } from './evaluate-metrics.js';
import type { MetricName } from './task.js';

interface Case {
  readonly name: string;
  readonly labels: readonly number[];
  readonly predictions: readonly number[];
  readonly expected: Readonly<Partial<Record<MetricName, number | null>>>;
}

const goldens = JSON.parse(readFileSync(new URL('../goldens/metrics.json', import.meta.url), 'utf8')) as {
  classification: Case[];
  regression: Case[];
};
const cases = [...goldens.classification, ...goldens.regression];
const taskOf = ({ expected }: Case) => ({
  metrics: Object.keys(expected) as MetricName[],
  headline: Object.keys(expected)[0] as MetricName,
});
const repeat = (values: readonly number[], times: number) => Array.from({ length: times }, () => values).flat();

describe('metrics (T11)', () => {
  it.each(cases)('equal scikit-learn and scipy: $name', (example) => {
    const { values } = evaluateMetrics(taskOf(example), example.predictions, example.labels);
    for (const [name, expected] of Object.entries(example.expected))
      expect([name, values[name as MetricName]]).toEqual([name, expect.closeTo(expected ?? 0, 9)]);
  });

  it.each(cases)('do not change when the set is repeated (T9): $name', (example) => {
    const task = taskOf(example);
    const once = evaluateMetrics(task, example.predictions, example.labels);
    const thrice = evaluateMetrics(task, repeat(example.predictions, 3), repeat(example.labels, 3));
    expect(thrice.undefinedMetrics).toEqual(once.undefinedMetrics);
    for (const name of task.metrics) expect(thrice.values[name]).toBeCloseTo(once.values[name]!, 9);
  });

  it('undefined values count as 0 and are counted', () => {
    const constant = evaluateMetrics(
      { metrics: ['pearson', 'spearman'], headline: 'spearman' },
      [0.1, 0.1, 0.1],
      [1, 2, 3],
    );
    expect(constant).toEqual({
      values: { pearson: 0, spearman: 0 },
      headline: 0,
      undefinedMetrics: ['pearson', 'spearman'],
      undefinedCount: 2,
      count: 3,
    });
    const flags = (predictions: number[], labels: number[]) =>
      evaluateMetrics({ metrics: ['accuracy', 'f1', 'matthews'], headline: 'f1' }, predictions, labels)
        .undefinedMetrics;
    expect(flags([0, 0, 0], [0, 1, 0])).toEqual(['matthews']);
    expect(flags([0, 0, 0], [0, 0, 0])).toEqual(['f1', 'matthews']);
    expect(flags([1, 0, 0], [0, 1, 0])).toEqual([]);
  });

  it('predictions that are not finite are undefined, not NaN', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const result = evaluateMetrics({ metrics: ['pearson', 'spearman'], headline: 'pearson' }, [bad, 1, 2], [1, 2, 3]);
      expect([result.values, result.undefinedCount]).toEqual([{ pearson: 0, spearman: 0 }, 2]);
    }
  });

  it('ranks ties by their mean', () => {
    expect([...averageRanks([3, 1, 3, 2, 3])]).toEqual([4, 1, 4, 2, 4]);
  });

  it('the headline is the task’s own or the mean of the official metrics', () => {
    const task = { metrics: ['accuracy', 'f1'] as const, headline: 'f1' as const };
    expect(evaluateMetrics(task, [1, 1, 1, 0], [1, 0, 0, 0]).headline).toBeCloseTo(50);
    expect(evaluateMetrics(task, [1, 1, 1, 0], [1, 0, 0, 0], { headline: 'glue_mean' }).headline).toBeCloseTo(50);
    expect(evaluateMetrics(task, [1, 1, 0, 0], [1, 0, 0, 0]).headline).toBeCloseTo(200 / 3);
    expect(evaluateMetrics(task, [1, 1, 0, 0], [1, 0, 0, 0], { headline: 'glue_mean' }).headline).toBeCloseTo(
      (200 / 3 + 75) / 2,
    );
  });

  it('refuses lists that do not fit', async () => {
    const task = { metrics: ['accuracy'] as const, headline: 'accuracy' as const };
    expect((await errorOf(() => evaluateMetrics(task, [1], [1, 0]))).code).toBe('METRIC_INPUT_INVALID');
    expect((await errorOf(() => evaluateMetrics(task, [], []))).code).toBe('METRIC_INPUT_INVALID');
  });
});

describe('majority baseline', () => {
  const task = {
    metrics: ['accuracy', 'f1'] as const,
    headline: 'accuracy' as const,
    output: { kind: 'classes', labels: ['no', 'yes'] } as const,
  };

  it('predicts the most frequent training label', () => {
    const floor = majorityBaseline(task, [1, 1, 0], [1, 0, 0, 0]);
    expect(floor).toMatchObject({ prediction: 1, predictionName: 'yes', values: { accuracy: 25, f1: 40 } });
    expect(majorityBaseline(task, [1, 0], [1, 0]).prediction).toBe(0);
  });

  it('predicts the mean score of a regression, which no correlation is defined for', () => {
    const scores = {
      metrics: ['pearson', 'spearman'] as const,
      headline: 'spearman' as const,
      output: { kind: 'regression', range: [0, 5], classBoundary: 2.5 } as const,
    };
    expect(majorityBaseline(scores, [1, 2], [1, 4, 5])).toMatchObject({
      prediction: 1.5,
      headline: 0,
      undefinedCount: 2,
    });
  });

  it('scores any constant', () => {
    expect(constantBaseline(task, 0, [1, 0, 0, 0]).values).toEqual({ accuracy: 75, f1: 0 });
  });

  it('needs labels', async () => {
    expect((await errorOf(() => majorityBaseline(task, [], [1]))).code).toBe('METRIC_INPUT_INVALID');
    expect((await errorOf(() => majorityBaseline(task, [1], []))).code).toBe('METRIC_INPUT_INVALID');
  });
});
