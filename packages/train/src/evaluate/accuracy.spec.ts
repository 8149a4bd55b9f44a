import { describe, expect, it } from '@jest/globals';
import { accuracy } from './accuracy.js';

describe('accuracy', () => {
  it('is the share of texts whose largest logit is that of their class', () => {
    const logits = new Float32Array([1, 2, 0, 3, 1, 1, 0, 0, -1]);
    expect(accuracy(logits, [1, 0, 2])).toEqual({ headline: 2 / 3, metrics: { accuracy: 2 / 3 } });
  });

  it('takes the first of equal logits and no class for logits that are no numbers', () => {
    expect(accuracy(new Float32Array([1, 1, NaN, NaN]), [0, 0]).headline).toBe(0.5);
  });

  it('is undefined for no texts', () => {
    expect(accuracy(new Float32Array(0), []).headline).toBeNaN();
  });
});
