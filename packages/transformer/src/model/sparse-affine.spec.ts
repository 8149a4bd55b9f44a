import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { sparseProduct } from './sparse-affine.js';

useTestBackend();

const indices = [1, 5, 6];
/** Gradients of `Σ weights ⊙ (x · S)` in a scope that frees what the forward pass made, as training does. */
const gradients = (product: (x: tf.Tensor, values: tf.Tensor) => tf.Tensor) => {
  const [x, values, weights] = [
    tf.tensor3d([1, -2, 3, 0.5, 4, -1], [1, 2, 3]),
    tf.tensor1d([2, -1, 0.5]),
    tf.tensor3d([1, 2, 3, -1, 0.5, 2, -2, 1], [1, 2, 4]),
  ];
  const { grads } = tf
    .engine()
    .gradients(() => tf.tidy(() => product(x, values).mul(weights).sum()) as tf.Scalar, [x, values]);
  return Promise.all(grads.map(async (gradient) => [...(await gradient.data())]));
};

describe('sparseProduct', () => {
  it('has the gradients of the dense product, after the tensors of the forward pass are gone', async () => {
    const places = tf.tensor1d(indices, 'int32');
    const sparse = await gradients((x, values) => sparseProduct(x, places, values, [3, 4]));
    const dense = await gradients((x, values) => {
      const hot = tf.oneHot(places, 12).toFloat();
      const matrix = tf.matMul(values.reshape([1, 3]), hot as tf.Tensor2D).reshape([3, 4]) as tf.Tensor2D;
      return tf.matMul(x.reshape([2, 3]) as tf.Tensor2D, matrix).reshape([1, 2, 4]);
    });
    expect(sparse).toEqual(dense);
  });
});
