import { expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { expectGradient } from '../../test/expect-gradient.js';
import { scatterValues, sparseProduct } from './sparse-affine.js';

useTestBackend();

it('sparseProduct has the gradients of differences, in states and values', async () => {
  const indices = tf.tensor1d([0, 7, 7, 11], 'int32');
  const weights = tf.randomNormal([2, 3, 4], 0, 1, 'float32', 5);
  await expectGradient([[2, 3, 3], [4]], (x, values) => sparseProduct(x, indices, values, [3, 4]).mul(weights).sum());
  await expectGradient([[4]], (values) =>
    scatterValues(indices, values, [3, 4])
      .mul(weights.slice([0, 0, 0], [1, 3, 4]))
      .sum(),
  );
});

it('finds rows and columns beyond what a float32 counts', async () => {
  const [rows, columns] = [5, 2 ** 22];
  const places = [2 ** 24 + 1, 2 ** 24 + 3];
  const x = tf.ones<tf.Rank.R2>([1, rows]).mul<tf.Tensor2D>(tf.tensor2d([[1, 2, 3, 4, 5]]));
  const slope = tf.grad((values: tf.Tensor) => {
    const y = sparseProduct(x, tf.tensor1d(places, 'int32'), values, [rows, columns]);
    return y
      .slice([0, 0], [1, 4])
      .mul(tf.tensor2d([[10, 20, 30, 40]]))
      .sum();
  })(tf.tensor1d([1, 1]));
  expect([...(await slope.data())]).toEqual([5 * 20, 5 * 40]);
});
