import { describe, expect, it } from '@jest/globals';
import { createStream } from '@tfjs-peft/peft-core';
import { normals } from '@tfjs-peft/peft-core/authoring';
import { besides, fromFloat32, type Matrix, matrix, multiply, scaled, stacked, transpose } from './matrix.js';
import { singularFactors, truncate } from './singular-values.js';
import { thinQr } from './thin-qr.js';

const random = (rows: number, columns: number, seed: string | number = 1): Matrix =>
  fromFloat32(normals(createStream(seed), rows * columns), rows, columns);
const rows = (a: Matrix) =>
  Array.from({ length: a.rows }, (_, i) => [...a.data.subarray(i * a.columns, (i + 1) * a.columns)]);
const distance = (a: Matrix, b: Matrix) => {
  expect([a.rows, a.columns]).toEqual([b.rows, b.columns]);
  return Math.max(0, ...a.data.map((value, index) => Math.abs(value - b.data[index]!)));
};
const identity = (n: number) =>
  matrix(
    n,
    n,
    Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
  );
const orthonormality = (q: Matrix) => distance(multiply(transpose(q), q), identity(q.columns));

describe('matrices', () => {
  it('are multiplied, turned and put together', () => {
    const [a, b] = [matrix(2, 2, Float64Array.of(1, 2, 3, 4)), matrix(2, 1, Float64Array.of(5, 6))];
    expect(rows(multiply(a, b))).toEqual([[17], [39]]);
    expect(rows(transpose(b))).toEqual([[5, 6]]);
    expect(rows(besides([a, b]))).toEqual([
      [1, 2, 5],
      [3, 4, 6],
    ]);
    expect(rows(stacked([a, transpose(b)]))).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect(rows(scaled(b, -2))).toEqual([[-10], [-12]]);
  });
});

describe.each([
  ['tall', random(9, 4)],
  ['wide', random(3, 7)],
  ['square', random(6, 6)],
  ['a row', random(1, 5)],
  ['a column', random(5, 1)],
  ['of low rank', multiply(random(8, 2), random(2, 6, 2))],
  ['with equal columns', besides([random(5, 1), random(5, 1), random(5, 2, 2)])],
  ['badly scaled', besides([scaled(random(6, 2), 1e8), scaled(random(6, 2, 2), 1e-8)])],
  ['zero', matrix(4, 3)],
])('a matrix that is %s', (_, a) => {
  const size = Math.max(1, ...a.data.map(Math.abs));
  const rank = Math.min(a.rows, a.columns);

  it('is the product of orthonormal columns and a triangle', () => {
    const { q, r } = thinQr(a);
    expect(distance(multiply(q, r), a) / size).toBeLessThan(1e-14);
    expect([q.columns, r.rows]).toEqual([rank, rank]);
    expect(orthonormality(q)).toBeLessThan(1e-14);
    for (let i = 0; i < r.rows; i++) for (let j = 0; j < i; j++) expect(r.data[i * r.columns + j]).toBe(0);
  });

  it('is the product of its singular factors', () => {
    const { left, right, values } = singularFactors(a);
    expect(distance(multiply(left, transpose(right)), a) / size).toBeLessThan(1e-13);
    expect(orthonormality(right)).toBeLessThan(1e-13);
    expect(values).toEqual([...values].sort((x, y) => y - x));
    const squares = multiply(transpose(left), left);
    const diagonal = matrix(rank, rank);
    values.forEach((value, i) => (diagonal.data[i * rank + i] = value ** 2));
    expect(distance(squares, diagonal) / size ** 2).toBeLessThan(1e-13);
  });
});

describe('singular values', () => {
  it('are those of matrices with known ones', () => {
    // [[3, 0], [4, 5]] has 3√5 and √5; the Hilbert matrix of size 4 is badly conditioned.
    const { values } = singularFactors(matrix(2, 2, Float64Array.of(3, 0, 4, 5)));
    expect(values[0]).toBeCloseTo(3 * Math.sqrt(5), 12);
    expect(values[1]).toBeCloseTo(Math.sqrt(5), 12);
    const hilbert = matrix(
      4,
      4,
      Float64Array.from({ length: 16 }, (_, i) => 1 / (Math.floor(i / 4) + (i % 4) + 1)),
    );
    const expected = [1.5002142800592426, 0.1691412202214501, 0.006738273605760787, 0.0000967023040226];
    singularFactors(hilbert).values.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 12));
  });

  it('give the best approximation: what is cut off is its error', () => {
    const a = random(12, 9);
    const factors = singularFactors(a);
    const { left, right, values } = truncate(factors, 4);
    expect(values).toHaveLength(4);
    const rest = scaled(multiply(left, transpose(right)), -1);
    const error = a.data.reduce((sum, value, index) => sum + (value + rest.data[index]!) ** 2, 0);
    expect(error).toBeCloseTo(
      factors.values.slice(4).reduce((sum, value) => sum + value ** 2, 0),
      10,
    );
    expect(truncate(factors, 99).values).toHaveLength(9);
  });
});
