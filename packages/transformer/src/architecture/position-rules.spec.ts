import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { countFromZero, countText, type PositionInputs } from './position-rules.js';

useTestBackend();

const ids = (rows: number[][]) => tf.tensor2d(rows, undefined, 'int32');
const padTokenId = 1;
const inputs = (rows: number[][], changes: Partial<PositionInputs> = {}): PositionInputs => ({
  inputIds: ids(rows),
  virtual: 0,
  offset: 0,
  padTokenId,
  ...changes,
});
const rows = [
  [5, 6, 7, 8],
  [5, 6, 1, 1],
  [1, 1, 5, 6],
  [5, 1, 6, 1],
];

describe('countFromZero', () => {
  it('numbers all tokens, one row for all texts', async () => {
    expect(await countFromZero.ids(inputs(rows)).array()).toEqual([[0, 1, 2, 3]]);
    expect(await countFromZero.ids(inputs(rows, { virtual: 2, offset: 3 })).array()).toEqual([[3, 4, 5, 6, 7, 8]]);
    expect(countFromZero.reservedRows(padTokenId)).toBe(0);
  });
});

describe('countText', () => {
  it("counts text from the padding's id on, wherever the padding is", async () => {
    expect(await countText.ids(inputs(rows)).array()).toEqual([
      [2, 3, 4, 5],
      [2, 3, 1, 1],
      [1, 1, 2, 3],
      [2, 1, 3, 1],
    ]);
    expect(countText.reservedRows(padTokenId)).toBe(2);
  });

  it('adds a shift to text alone', async () => {
    const shifted = await countText.ids(inputs(rows, { offset: 4 })).array();
    expect(shifted[1]).toEqual([6, 7, 1, 1]);
    expect(shifted[3]).toEqual([6, 1, 7, 1]);
  });

  it('counts virtual tokens as text', async () => {
    const withPrompt = await countText.ids(inputs(rows, { virtual: 2, offset: 4 })).array();
    expect(withPrompt[0]).toEqual([6, 7, 8, 9, 10, 11]);
    expect(withPrompt[1]).toEqual([6, 7, 8, 9, 1, 1]);
  });

  it('takes any id as padding, and int32 throughout', async () => {
    const positions = countText.ids(inputs([[5, 0, 6]], { padTokenId: 0 }));
    expect(positions.dtype).toBe('int32');
    expect(await positions.array()).toEqual([[1, 0, 2]]);
  });
});
