import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference } from '../../test/test-hosts.js';
import { scatterValues } from './sparse-affine.js';
import { sparseRows } from './sparse-rows.js';

useTestBackend();

describe('sparseRows', () => {
  const [rows, size] = [50, 3];
  const ids = tf.tensor2d([4, 0, 4, 9, 49, 4], [2, 3], 'int32');
  // Rows 4 and 49 are looked up, row 7 is not.
  const indices = tf.tensor1d([12, 14, 21, 22, 147], 'int32');
  const values = tf.tensor1d([1, 2, 3, 4, 5]);
  const byTable = (at: tf.Tensor) => tf.gather(scatterValues(indices, at, [rows, size]), ids);

  it('looks rows up as in the whole table', async () => {
    const found = sparseRows(ids, { indices, values }, [rows, size]);
    expect(found.shape).toEqual([2, 3, size]);
    expect(await maxDifference(found, byTable(values))).toBe(0);
  });

  it('has the gradient of the whole table, nothing for rows that no token has', async () => {
    const weights = tf.randomNormal([2, 3, size], 0, 1, 'float32', 3);
    const slope = (compute: (at: tf.Tensor) => tf.Tensor) =>
      tf.grad((at: tf.Tensor) => compute(at).mul(weights).sum())(values);
    const found = slope((at) => sparseRows(ids, { indices, values: at }, [rows, size]));
    expect(await maxDifference(found, slope(byTable))).toBeLessThan(1e-6);
    expect([...(await found.data())].slice(2, 4)).toEqual([0, 0]);
  });

  it('forms nothing of the size of the table', () => {
    const [large, width] = [2 ** 20, 64];
    const seen: number[] = [];
    const profile = tf.profile(() => sparseRows(tf.tensor1d([5, 7], 'int32'), { indices, values }, [large, width]));
    return profile.then(({ kernels }) => {
      seen.push(
        ...kernels.flatMap(({ outputShapes }) => outputShapes.map((shape) => tf.util.sizeFromShape(shape ?? []))),
      );
      expect(Math.max(...seen)).toBeLessThanOrEqual(large);
    });
  });
});
