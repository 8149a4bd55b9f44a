import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { padBatch } from './encoded-text.js';

const text = (length: number, first = 1) => ({
  inputIds: Array.from({ length }, (_, i) => i + first),
  tokenTypeIds: Array.from({ length }, (_, i) => (i > 1 ? 1 : 0)),
});
const shapeOf = (...args: Parameters<typeof padBatch>) => {
  const batch = padBatch(...args);
  const { shape } = batch.inputIds;
  tf.dispose(Object.values(batch));
  return shape;
};

describe('padBatch', () => {
  it('pads ids with the padding token, mask and types with 0', async () => {
    const batch = padBatch([text(3), text(1, 5)], 9, { multipleOf: 2 });
    expect(await batch.inputIds.array()).toEqual([
      [1, 2, 3, 9],
      [5, 9, 9, 9],
    ]);
    expect(await batch.attentionMask.array()).toEqual([
      [1, 1, 1, 0],
      [1, 0, 0, 0],
    ]);
    expect(await batch.tokenTypeIds.array()).toEqual([
      [0, 0, 1, 0],
      [0, 0, 0, 0],
    ]);
    for (const tensor of Object.values(batch)) expect(tensor.dtype).toBe('int32');
    tf.dispose(Object.values(batch));
  });

  it.each([
    [[3, 5], {}, 8],
    [[8], {}, 8],
    [[9], {}, 16],
    [[9], { multipleOf: 1 }, 9],
    [[9], { maxTokens: 12 }, 12],
    [[9], { maxTokens: 9 }, 9],
    [[9], { maxTokens: 4 }, 9],
    [[0], {}, 8],
  ])('texts of %j tokens with %j become %d wide: never cut', (lengths, options, width) => {
    expect(
      shapeOf(
        lengths.map((length) => text(length)),
        0,
        options,
      ),
    ).toEqual([lengths.length, width]);
  });

  it('marks a padding token inside a text as text', async () => {
    const batch = padBatch([{ inputIds: [1, 0, 2], tokenTypeIds: [0, 0, 0] }], 0);
    expect((await batch.attentionMask.array())[0]!.slice(0, 4)).toEqual([1, 1, 1, 0]);
    tf.dispose(Object.values(batch));
  });

  it('makes a batch of no texts', () => {
    expect(shapeOf([], 0)).toEqual([0, 8]);
  });
});
