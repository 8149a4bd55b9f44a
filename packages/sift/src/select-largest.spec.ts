import { describe, expect, it } from '@jest/globals';
import { createStream } from '@tfjs-peft/peft-core';
import { normals } from '@tfjs-peft/peft-core/authoring';
import { selectLargest } from './select-largest.js';

const sorted = (scores: Float32Array, count: number) =>
  Int32Array.from(
    Array.from(scores.keys())
      .sort((a, b) => scores[b]! - scores[a]! || a - b)
      .slice(0, count),
  ).sort();

describe('selectLargest', () => {
  it.each([1, 2, 7, 99, 100])('finds the %d largest of random scores', (count) => {
    for (let seed = 0; seed < 20; seed++) {
      const scores = normals(createStream(seed), 100);
      expect(selectLargest(scores, count, 'scores')).toEqual(sorted(scores, count));
    }
  });

  it('takes the lower index of equal scores', () => {
    const scores = Float32Array.of(1, 3, 2, 3, 2, 2, 0);
    for (let count = 0; count <= 8; count++)
      expect(selectLargest(scores, count, 'scores')).toEqual(sorted(scores, count));
    expect(selectLargest(new Float32Array(1000).fill(4), 3, 'scores')).toEqual(Int32Array.of(0, 1, 2));
  });

  it('leaves the scores as they are', () => {
    const scores = normals(createStream(1), 50);
    const before = scores.slice();
    selectLargest(scores, 5, 'scores');
    expect(scores).toEqual(before);
  });

  it.each([Number.NaN, Infinity])('refuses %d', (value) => {
    expect(() => selectLargest(Float32Array.of(1, value), 1, 'the weight a.b')).toThrow(
      expect.objectContaining({ code: 'SELECTION_NOT_FINITE', message: expect.stringContaining('a.b') }),
    );
  });

  it('takes 1 % of a large matrix', () => {
    const scores = normals(createStream(2), 1536 * 384);
    expect(selectLargest(scores, 5899, 'scores')).toEqual(sorted(scores, 5899));
  });
});
