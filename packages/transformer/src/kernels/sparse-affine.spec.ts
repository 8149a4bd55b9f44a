import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { expectGradient } from '../../test/expect-gradient.js';
import { maxDifference } from '../../test/test-hosts.js';
import { affineWeights, frozenAffine } from './frozen-affine.js';
import { columnProducts, scatterValues, sparseAffine, sparseProduct } from './sparse-affine.js';

useTestBackend();

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const places = (...indices: number[]) => tf.tensor1d(indices, 'int32');

/** The matrix `[input, output]` with these entries, by plain loops. */
async function dense(shape: [number, number], indices: tf.Tensor, values: tf.Tensor): Promise<tf.Tensor2D> {
  const data = new Float32Array(shape[0] * shape[1]);
  const [at, numbers] = [await indices.data(), await values.data()];
  at.forEach((place, entry) => (data[place]! += numbers[entry]!));
  return tf.tensor2d(data, shape);
}

describe('sparseAffine', () => {
  const weights = affineWeights(random([5, 4], 1) as tf.Tensor2D, random([4], 2) as tf.Tensor1D);

  it('adds the entries of a sparse matrix to the kernel, one twice if it stands twice', async () => {
    const [x, indices, values] = [random([2, 3, 5], 3), places(0, 7, 7, 19), random([4], 4)];
    const kernel = weights.kernel.add(await dense([5, 4], indices, values));
    const expected = tf.matMul(x.reshape([6, 5]), kernel).reshape([2, 3, 4]);
    const found = (withBias: boolean) => sparseAffine(x, weights, [[{ indices, values }]], withBias);
    expect(await maxDifference(found(false), expected)).toBeLessThan(1e-5);
    expect(await maxDifference(found(true), expected.add(weights.bias!))).toBeLessThan(1e-5);
  });

  it('leaves the weights with their own bits, in both directions, also where an entry stands twice', async () => {
    // Values whose sum does not come apart again: what is put back must be what was there.
    const [x, indices, values] = [random([2, 3, 5], 3), places(0, 7, 7, 19), tf.tensor1d([1e9, -3e8, 7, 1e-3])];
    const slopes = random([2, 3, 4], 5);
    const own = () => tf.grad((states) => frozenAffine(states, weights).mul(slopes).sum())(x);
    const before = [await frozenAffine(x, weights).data(), await own().data()];
    tf.grad((states) =>
      sparseAffine(states, weights, [[{ indices, values }]])
        .mul(slopes)
        .sum(),
    )(x);
    expect([await frozenAffine(x, weights).data(), await own().data()]).toEqual(before);
  });

  it('has the gradients of differences, in states and values', async () => {
    const indices = places(0, 7, 7, 11);
    const slopes = random([2, 3, 4], 5);
    await expectGradient([[2, 3, 5], [4]], (x, values) =>
      sparseAffine(x, weights, [[{ indices, values }]])
        .mul(slopes)
        .sum(),
    );
  });

  it('acts on maps side by side as on each alone, also with several lists and none', async () => {
    const [first, second, third] = [places(1, 8), places(0, 9, 14), places(2)];
    const wide = affineWeights(random([5, 9], 6) as tf.Tensor2D, random([9], 7) as tf.Tensor1D);
    const parts = [0, 3, 6].map((start) =>
      affineWeights(wide.kernel.slice([0, start], [5, 3]), wide.bias!.slice([start], [3])),
    );
    const x = random([7, 5], 8);
    const maps = (values: tf.Tensor) => [
      [
        { indices: first, values: values.slice([0], [2]) },
        { indices: second, values: values.slice([2], [3]) },
      ],
      [],
      [{ indices: third, values: values.slice([5], [1]) }],
    ];
    const alone = (values: tf.Tensor) =>
      tf.concat(
        maps(values).map((entries, map) => {
          const part = parts[map]!;
          return entries.length > 0
            ? sparseAffine(x, part, [entries])
            : tf.matMul(x as tf.Tensor2D, part.kernel).add(part.bias!);
        }),
        1,
      );
    const values = random([6], 9);
    expect(await maxDifference(sparseAffine(x, wide, maps(values)), alone(values))).toBeLessThan(1e-5);
    const slope = (compute: (values: tf.Tensor) => tf.Tensor) =>
      tf.grad((at: tf.Tensor) => compute(at).square().sum())(values);
    expect(
      await maxDifference(
        slope((at) => sparseAffine(x, wide, maps(at))),
        slope(alone),
      ),
    ).toBeLessThan(1e-3);
  });

  it('agrees with the dense gradient for more tokens and entries than a part of the work has', async () => {
    const [rows, inputs, outputs] = [131, 24, 36];
    const every = tf.range(0, inputs * outputs, 1, 'int32') as tf.Tensor1D;
    const [x, dy] = [random([rows, inputs], 10), random([rows, outputs], 11)];
    const matrix = affineWeights(tf.zeros([inputs, outputs]), tf.zeros([outputs]));
    const found = tf.grad((values: tf.Tensor) =>
      sparseAffine(x, matrix, [[{ indices: every, values }]])
        .mul(dy)
        .sum(),
    )(tf.zeros([every.size]));
    const expected = tf.matMul(x as tf.Tensor2D, dy as tf.Tensor2D, true).flatten();
    expect(await maxDifference(found, expected)).toBeLessThan(1e-3);
    expect(await maxDifference(columnProducts(x as tf.Tensor2D, dy as tf.Tensor2D, every), expected)).toBeLessThan(
      1e-3,
    );
  });
});

it('sparseProduct and scatterValues have the gradients of differences', async () => {
  const indices = places(0, 7, 7, 11);
  const weights = random([2, 3, 4], 5);
  await expectGradient([[2, 3, 3], [4]], (x, values) =>
    sparseProduct(x, { indices, values }, [3, 4]).mul(weights).sum(),
  );
  await expectGradient([[4]], (values) =>
    scatterValues(indices, values, [3, 4])
      .mul(weights.slice([0, 0, 0], [1, 3, 4]))
      .sum(),
  );
});

it('finds rows and columns beyond what a float32 counts', async () => {
  const [rows, columns] = [5, 2 ** 22];
  const indices = places(2 ** 24 + 1, 2 ** 24 + 3);
  const x = tf.ones<tf.Rank.R2>([1, rows]).mul<tf.Tensor2D>(tf.tensor2d([[1, 2, 3, 4, 5]]));
  const slope = tf.grad((values: tf.Tensor) => {
    const y = sparseProduct(x, { indices, values }, [rows, columns]);
    return y
      .slice([0, 0], [1, 4])
      .mul(tf.tensor2d([[10, 20, 30, 40]]))
      .sum();
  })(tf.tensor1d([1, 1]));
  expect([...(await slope.data())]).toEqual([5 * 20, 5 * 40]);
});
