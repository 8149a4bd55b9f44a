import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { withoutSplitting } from './webgpu-mat-mul.js';

const flag = 'WEBGPU_MATMUL_PROGRAM_TYPE';
tf.env().registerFlag(flag, () => -1);

describe('withoutSplitting', () => {
  const result: tf.TensorInfo = { dataId: {}, shape: [], dtype: 'float32' };
  const programAt = (transposeB: boolean, shape: number[]) => {
    let seen: unknown;
    const kernel = withoutSplitting(() => {
      seen = tf.env().get(flag);
      return result;
    });
    expect(kernel({ inputs: { b: { ...result, shape } }, attrs: { transposeB } })).toBe(result);
    return seen;
  };

  it('takes the general program for a transposed factor with a long inner dimension, and leaves the rest alone', () => {
    expect(programAt(true, [64, 4608])).toBe(3);
    expect(programAt(true, [1, 64, 2000])).toBe(3);
    expect(programAt(true, [4608, 1999])).toBe(-1);
    expect(programAt(false, [4608, 4608])).toBe(-1);
    expect(tf.env().get(flag)).toBe(-1);
  });

  it('gives the choice back after an error', () => {
    const kernel = withoutSplitting(() => {
      throw new Error('broken');
    });
    expect(() => kernel({ inputs: { b: { ...result, shape: [64, 4608] } }, attrs: { transposeB: true } })).toThrow(
      'broken',
    );
    expect(tf.env().get(flag)).toBe(-1);
  });
});
