import { describe, expect, it } from '@jest/globals';
import { createStream, substream } from '@tfjs-peft/peft-core';
import { normals } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { squaredCosine } from './cosine-penalty.js';

useTestBackend();

const size = 4000;
const point = (name: string) => tf.tensor1d(normals(substream(createStream(3), name), size));
const cosine = async (a: tf.Tensor[], b: tf.Tensor[]) => (await squaredCosine(a, b).data())[0]!;

describe('squaredCosine (T7)', () => {
  it('is 1 for parallel points, also opposite ones, whatever their lengths', async () => {
    const a = point('a');
    expect(await cosine([a], [a])).toBeCloseTo(1, 5);
    expect(await cosine([a], [a.mul(-3)])).toBeCloseTo(1, 5);
  });

  it('is about 1/D for independent points and 0 for orthogonal ones', async () => {
    const values = await Promise.all(Array.from({ length: 20 }, (_, i) => cosine([point(`a${i}`)], [point(`b${i}`)])));
    expect((values.reduce((a, b) => a + b) / 20) * size).toBeGreaterThan(0.3);
    expect((values.reduce((a, b) => a + b) / 20) * size).toBeLessThan(2.5);
    expect(await cosine([tf.tensor1d([1, 0])], [tf.tensor1d([0, 1])])).toBe(0);
    expect(await cosine([tf.zeros([3])], [tf.zeros([3])])).toBe(0);
  });

  it('flattens lists of tensors into one vector', async () => {
    const whole = [tf.tensor1d([1, 2, 3, 4])];
    const other = [tf.tensor1d([4, -1, 2, 0])];
    const parts = [tf.tensor2d([[1, 2]]), tf.tensor1d([3, 4])];
    const otherParts = [tf.tensor2d([[4, -1]]), tf.tensor1d([2, 0])];
    expect(await cosine(parts, otherParts)).toBeCloseTo(await cosine(whole, other), 6);
  });

  it('has a finite gradient where vertices are zero, as those of a method that starts as the identity', async () => {
    const gradients = tf.grads((a, b) => squaredCosine([a], [b]));
    for (const pair of [
      [tf.zeros([3]), tf.zeros([3])],
      [tf.zeros([3]), tf.ones([3])],
    ])
      for (const gradient of gradients(pair)) expect([...(await gradient.data())].map(Math.abs)).toEqual([0, 0, 0]);
    // Short, but not zero: the angle counts, not the length.
    const tiny = tf.tensor1d([1e-6, 0, 0]);
    expect(await cosine([tiny], [tiny.mul(2)])).toBeCloseTo(1, 4);
  });

  it('has the gradient that central differences give, in both points and over several tensors', async () => {
    const points = [
      tf.tensor2d([[0.4, -0.7]]),
      tf.tensor1d([0.9, 0.1, -0.3]),
      tf.tensor2d([[0.5, 0.2]]),
      tf.tensor1d([-0.6, 0.8, 0.35]),
    ];
    const at = (tensors: readonly tf.Tensor[]) =>
      squaredCosine(tensors.slice(0, 2), tensors.slice(2)).mul<tf.Scalar>(3);
    const gradients = tf.grads((...tensors: tf.Tensor[]) => at(tensors))(points);
    for (const [which, point] of points.entries())
      for (let entry = 0; entry < point.size; entry++) {
        const moved = async (step: number) => {
          const values = Array.from(await point.data());
          values[entry]! += step;
          const changed = tf.tensor(values, point.shape);
          return (await at(points.map((other, i) => (i === which ? changed : other))).data())[0]!;
        };
        const difference = ((await moved(1e-2)) - (await moved(-1e-2))) / 2e-2;
        expect((await gradients[which]!.data())[entry]).toBeCloseTo(difference, 3);
      }
  });

  it('has a gradient that pushes apart', async () => {
    const [a, b] = [tf.tensor1d([1, 0.2]), tf.tensor1d([1, 0.6])];
    const gradient = tf.grad((x: tf.Tensor) => squaredCosine([x], [b]))(a);
    expect(await cosine([a.sub(gradient.mul(0.1))], [b])).toBeLessThan(await cosine([a], [b]));
  });
});
