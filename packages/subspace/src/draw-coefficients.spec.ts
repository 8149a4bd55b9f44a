import { describe, expect, it } from '@jest/globals';
import { createStream, substream } from '@tfjs-peft/peft-core';
import { drawCoefficients } from './draw-coefficients.js';

const rows = 20000;
const stream = createStream(7);

describe('drawCoefficients (T4)', () => {
  it.each([
    ['flat', 2, 1],
    ['flat', 3, 1],
    ['flat', 6, 1],
    ['dirichlet:0.4', 3, 0.4],
    ['dirichlet:1', 3, 1],
    ['dirichlet:5', 4, 5],
  ] as const)('%s with %i vertices has the moments of a symmetric Dirichlet', (law, vertices, concentration) => {
    const drawn = drawCoefficients(stream, rows, vertices, law);
    const total = vertices * concentration;
    // E[a_i²] = c (c + 1) / (mc (mc + 1)); for c = 1 that is 2 / (m (m + 1)).
    const secondMoment = (concentration * (concentration + 1)) / (total * (total + 1));
    for (let vertex = 0; vertex < vertices; vertex++) {
      const column = Array.from({ length: rows }, (_, row) => drawn[row * vertices + vertex]!);
      expect(Math.min(...column)).toBeGreaterThanOrEqual(0);
      expect(mean(column)).toBeCloseTo(1 / vertices, 2);
      expect(mean(column.map((a) => a * a))).toBeCloseTo(secondMoment, 2);
    }
    for (let row = 0; row < 100; row++)
      expect(drawn.slice(row * vertices, (row + 1) * vertices).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
  });

  it('of a tiny concentration lies in the corners', () => {
    const drawn = drawCoefficients(stream, 2000, 2, 'dirichlet:0.001');
    const first = Array.from({ length: 2000 }, (_, row) => drawn[2 * row]!);
    expect(first.filter((a) => a > 0.01 && a < 0.99).length / 2000).toBeLessThan(0.02);
    expect(mean(first)).toBeCloseTo(0.5, 1);
  });

  it('is exactly 1 for one vertex and one-hot for corners', () => {
    expect([...drawCoefficients(stream, 3, 1, 'flat')]).toEqual([1, 1, 1]);
    const corners = drawCoefficients(stream, rows, 3, 'corner');
    for (let row = 0; row < rows; row++) expect([...corners.slice(row * 3, row * 3 + 3)].sort()).toEqual([0, 0, 1]);
    expect(mean([...corners].filter((_, i) => i % 3 === 0))).toBeCloseTo(1 / 3, 2);
  });

  it('is uncorrelated between examples and between streams, and repeatable', () => {
    const a = drawCoefficients(substream(stream, 'a'), rows, 2, 'flat');
    const b = drawCoefficients(substream(stream, 'b'), rows, 2, 'flat');
    const first = (values: Float32Array, shift = 0) =>
      Array.from({ length: rows - 1 }, (_, row) => values[(row + shift) * 2]!);
    expect(Math.abs(correlation(first(a), first(b)))).toBeLessThan(0.03);
    expect(Math.abs(correlation(first(a), first(a, 1)))).toBeLessThan(0.03);
    expect(drawCoefficients(substream(stream, 'a'), rows, 2, 'flat')).toEqual(a);
  });
});

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
function correlation(x: readonly number[], y: readonly number[]): number {
  const [mx, my] = [mean(x), mean(y)];
  const covariance = mean(x.map((value, i) => (value - mx) * (y[i]! - my)));
  return covariance / Math.sqrt(mean(x.map((v) => (v - mx) ** 2)) * mean(y.map((v) => (v - my) ** 2)));
}
