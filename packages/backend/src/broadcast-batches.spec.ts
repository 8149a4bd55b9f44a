import { describe, expect, it } from '@jest/globals';
import { itemOffsets, repeatsEndToEnd } from './broadcast-batches.js';

describe('itemOffsets', () => {
  it.each([
    [[], [], [0]],
    [[3], [3], [0, 1, 2]],
    [[1], [3], [0, 0, 0]],
    [[], [2], [0, 0]],
    [
      [2, 1],
      [2, 3],
      [0, 0, 0, 1, 1, 1],
    ],
    [
      [1, 3],
      [2, 3],
      [0, 1, 2, 0, 1, 2],
    ],
    [[3], [2, 3], [0, 1, 2, 0, 1, 2]],
    [
      [2, 1, 2],
      [2, 2, 2],
      [0, 1, 0, 1, 2, 3, 2, 3],
    ],
  ])('[%s] to [%s]', (from, to, expected) => {
    expect([...itemOffsets(from, to)]).toEqual(expected);
  });
});

describe('repeatsEndToEnd', () => {
  it.each([
    [[], [4], true],
    [[1, 1], [2, 3], true],
    [[3], [2, 3], true],
    [[1, 3], [2, 3], true],
    [[2, 3], [2, 3], true],
    [[2, 1], [2, 3], false],
    [[2, 1, 2], [2, 3, 2], false],
  ])('[%s] to [%s]: %s', (from, to, expected) => {
    expect(repeatsEndToEnd(from, to)).toBe(expected);
  });
});
