import { describe, expect, it } from '@jest/globals';
import { accuracy, toyExamples } from '../../test/toy-host.js';
import { crossEntropy } from '../objectives/cross-entropy.js';
import { squaredError } from '../objectives/squared-error.js';
import { type ScoreFunction, scoreDraws } from './score-logits.js';

const examplesOf = (targets: readonly number[]) =>
  toyExamples(targets.length, 'texts').map(({ text }, index) => ({ text, label: targets[index]! }));
const labels = [0, 1, 1];
// In the first draw texts 0 and 1 are right, in the second none is; with probabilities that favour the first draw on text 0.
const draws = [Float32Array.of(3, 0, 0, 1, 1, 0), Float32Array.of(0, 1, 2, 0, 1, 0)];
const scoreBy = (kind: 'pooled' | 'mean' | 'ensemble', by: ScoreFunction) =>
  scoreDraws(draws, 2, kind, { examples: examplesOf(labels), objective: crossEntropy(), score: by });
const score = (kind: 'pooled' | 'mean' | 'ensemble') => scoreBy(kind, accuracy);

describe('scoreDraws', () => {
  it('pools all pairs of prediction and label', () => {
    const seen: unknown[] = [];
    const pooled = scoreBy('pooled', (logits, repeated) => {
      seen.push([...logits], [...repeated]);
      return { headline: 1, metrics: {} };
    });
    expect(seen).toEqual([
      [3, 0, 0, 1, 1, 0, 0, 1, 2, 0, 1, 0],
      [0, 1, 1, 0, 1, 1],
    ]);
    expect(pooled.loss).toBeCloseTo(score('mean').loss, 12);
    expect(score('pooled').headline).toBeCloseTo(2 / 6, 12);
  });

  it('averages the metrics of each draw', () => {
    const nonlinear = scoreBy('mean', (...args) => {
      const right = accuracy(...args).headline;
      return { headline: right ** 2, metrics: { squared: right ** 2 } };
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
    const result = scoreDraws(numbers, 1, 'ensemble', {
      examples: examplesOf([2, 5]),
      objective: squaredError(),
      score: (logits) => {
        seen.push([...logits]);
        return { headline: 0, metrics: {} };
      },
    });
    expect(seen).toEqual([[2, 4]]);
    expect(result.loss).toBe(0.5);
  });
});
