import { expect, it } from '@jest/globals';
import { simplexGrid } from './simplex-grid.js';

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

it.each([
  [1, 1],
  [2, 13],
  [3, 28],
  [4, 4 + 6 * 3 + 1],
])('has every vertex of %i once and the midpoint, %i points that sum to 1', (vertices, count) => {
  const points = simplexGrid(vertices);
  expect(points).toHaveLength(count);
  for (const point of points) expect(sum(point)).toBeCloseTo(1, 12);
  const times = (wanted: readonly number[]) =>
    points.filter((point) => point.every((value, index) => Math.abs(value - wanted[index]!) < 1e-9)).length;
  for (let vertex = 0; vertex < vertices; vertex++)
    expect(times(Array.from({ length: vertices }, (_, index) => Number(index === vertex)))).toBe(1);
  expect(times(Array.from({ length: vertices }, () => 1 / vertices))).toBe(1);
  expect(new Set(points.map((point) => point.map((value) => value.toFixed(9)).join())).size).toBe(count);
});
