import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { meanOfVertices, mixVertices } from './mix-vertices.js';

useTestBackend();

const vertices = [
  tf.tensor2d([
    [1, 2],
    [3, 4],
  ]),
  tf.tensor2d([
    [5, 6],
    [7, 8],
  ]),
];

describe('mixVertices', () => {
  it('gives one combination a row', async () => {
    const mixed = mixVertices(
      vertices,
      tf.tensor2d([
        [1, 0],
        [0, 1],
        [0.5, 0.5],
      ]),
      true,
    );
    expect(mixed.shape).toEqual([3, 2, 2]);
    expect([...(await mixed.data())]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 3, 4, 5, 6]);
  });

  it('gives no batch axis for one shared row, and the very vertex if there is one', async () => {
    expect(mixVertices(vertices, tf.tensor2d([[0.25, 0.75]]), false).shape).toEqual([2, 2]);
    expect(mixVertices(vertices.slice(0, 1), tf.tensor2d([[1]]), false)).toBe(vertices[0]);
    expect(meanOfVertices(vertices.slice(0, 1))).toBe(vertices[0]);
  });

  it('passes each vertex its coefficient as gradient', async () => {
    const weights = tf.tensor2d([[0.25, 0.75]]);
    const gradients = tf.grads((a: tf.Tensor, b: tf.Tensor) => mixVertices([a, b], weights, false).sum())(vertices);
    expect([...(await gradients[0]!.data())]).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect([...(await gradients[1]!.data())]).toEqual([0.75, 0.75, 0.75, 0.75]);
  });
});

describe('meanOfVertices', () => {
  it('is the midpoint', async () => {
    expect([...(await meanOfVertices(vertices).data())]).toEqual([3, 4, 5, 6]);
  });
});
