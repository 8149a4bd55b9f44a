import { describe, expect, it } from '@jest/globals';
import { argmaxRows, roundNumber, softmax } from './softmax.js';

describe('softmax', () => {
  it('gives probabilities row by row, also of huge logits', () => {
    const rows = softmax(Float32Array.from([0, Math.log(3), 1e4, 0, -1e9, -1e9]), 2);
    expect(rows[0]).toBeCloseTo(0.25, 6);
    expect(rows[1]).toBeCloseTo(0.75, 6);
    expect([...rows.slice(2)]).toEqual([1, 0, 0.5, 0.5]);
  });

  it('takes the first of equal logits', () => {
    expect(argmaxRows(Float32Array.from([1, 1, 0, 2, 3, 3]), 3)).toEqual([0, 1]);
    expect(argmaxRows(new Float32Array(), 0)).toEqual([]);
  });

  it('keeps six significant digits', () => expect(roundNumber(0.123456789)).toBe(0.123457));
});
