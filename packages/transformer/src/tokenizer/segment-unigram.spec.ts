import { describe, expect, it } from '@jest/globals';
import { createUnigramSegmenter } from './segment-unigram.js';

const segmenterOf = (pieces: Record<string, number>) =>
  createUnigramSegmenter({
    ids: new Map(Object.keys(pieces).map((piece, id) => [piece, id])),
    scores: Object.values(pieces),
  });

describe('createUnigramSegmenter', () => {
  const segment = segmenterOf({ a: -1, b: -2, ab: -2.5, abc: -9, c: -1, '🙂': -3, '👍🏽': -2, 'b🙂': -4.5 });

  it('takes the path with the largest sum of log-probabilities', () => {
    expect(segment('ab')).toEqual(['ab']); // -2.5 against -3
    expect(segment('abc')).toEqual(['ab', 'c']); // -3.5 against -4 and -9
    expect(segment('')).toEqual([]);
  });

  it('finds pieces beyond the basic plane', () => {
    expect(segment('a🙂👍🏽')).toEqual(['a', '🙂', '👍🏽']);
    // Both sums are -5.5: the path that was found first, whose last piece is longer, stays.
    expect(segment('ab🙂')).toEqual(['a', 'b🙂']);
  });

  it('keeps characters that no piece covers whole', () => {
    expect(segment('a😀b')).toEqual(['a', '😀', 'b']);
    expect(segment('x')).toEqual(['x']);
    expect(segment('👍')).toEqual(['👍']);
  });

  it('prefers any known path to an unknown character', () => {
    expect(segmenterOf({ a: -50, b: -50, xab: -200, x: -60 })('xab')).toEqual(['x', 'a', 'b']);
  });
});
