import { describe, expect, it } from '@jest/globals';
import { accuracy } from '../../test/toy-host.js';
import { scoreDraws } from './evaluate.js';
import { parseTrainConfig } from '../run/train-config.js';

const aggregate = (kind: 'pooled' | 'mean' | 'ensemble') =>
  parseTrainConfig({ validation: { aggregate: kind, draws: 2 } });
const labels = [0, 1, 1];
// In the first draw texts 0 and 1 are right, in the second none is; with probabilities that favour the first draw on text 0.
const draws = [Float32Array.of(3, 0, 0, 1, 1, 0), Float32Array.of(0, 1, 2, 0, 1, 0)];
const score = (kind: 'pooled' | 'mean' | 'ensemble') =>
  scoreDraws(draws, 2, { labels, loss: 'cross_entropy', score: accuracy, config: aggregate(kind) });

describe('scoreDraws', () => {
  it('pools all pairs of prediction and label', () => {
    const seen: unknown[] = [];
    const pooled = scoreDraws(draws, 2, {
      labels,
      loss: 'cross_entropy',
      score: (logits, repeated) => {
        seen.push([...logits], [...repeated]);
        return { headline: 1, metrics: {} };
      },
      config: aggregate('pooled'),
    });
    expect(seen).toEqual([
      [3, 0, 0, 1, 1, 0, 0, 1, 2, 0, 1, 0],
      [0, 1, 1, 0, 1, 1],
    ]);
    expect(pooled.loss).toBeCloseTo(score('mean').loss, 12);
    expect(score('pooled').headline).toBeCloseTo(2 / 6, 12);
  });

  it('averages the metrics of each draw', () => {
    const nonlinear = scoreDraws(draws, 2, {
      labels,
      loss: 'cross_entropy',
      score: (...args) => {
        const right = accuracy(...args).headline;
        return { headline: right ** 2, metrics: { squared: right ** 2 } };
      },
      config: aggregate('mean'),
    });
    expect(nonlinear.headline).toBeCloseTo((4 / 9 + 0) / 2, 12);
    expect(nonlinear.metrics.squared).toBe(nonlinear.headline);
  });

  it('scores the mean probability as an ensemble, and that is what its loss is of', () => {
    // Text 0: (0.953 + 0.269) / 2 > 0.5, right; text 1: (0.731 + 0.119) / 2 < 0.5, wrong; text 2 wrong.
    const ensemble = score('ensemble');
    expect(ensemble.headline).toBeCloseTo(1 / 3, 12);
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    const means = [(sigmoid(3) + sigmoid(-1)) / 2, (sigmoid(1) + sigmoid(-2)) / 2, sigmoid(-1)];
    expect(ensemble.loss).toBeCloseTo(-means.reduce((sum, p) => sum + Math.log(p), 0) / 3, 6);
  });

  it('averages predictions in a regression', () => {
    const numbers = [Float32Array.of(1, 2), Float32Array.of(3, 6)];
    const seen: number[][] = [];
    const result = scoreDraws(numbers, 1, {
      labels: [2, 5],
      loss: 'mean_squared_error',
      score: (logits) => {
        seen.push([...logits]);
        return { headline: 0, metrics: {} };
      },
      config: aggregate('ensemble'),
    });
    expect(seen).toEqual([[2, 4]]);
    expect(result.loss).toBe(0.5);
  });
});
