import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from '@jest/globals';
import { selectBackend } from './select-backend.js';

const folder = new URL('../../../node_modules/@tensorflow/tfjs-node/', import.meta.url);
const hasNative =
  existsSync(new URL('lib/napi-v8/tfjs_binding.node', folder)) && existsSync(new URL('deps/lib', folder));
if (!hasNative) console.log('Skipped: the native backend (put it in with `npm run setup:native`).');
const whenNative = hasNative ? it : it.skip;

describe('the native backend', () => {
  whenNative('is taken when asked for, computes, and names its TensorFlow', async () => {
    const report = await selectBackend({ backend: 'tensorflow' });
    expect(report).toMatchObject({ backend: 'tensorflow', package: '@tensorflow/tfjs-node' });
    expect(report.engine).toMatch(/^TensorFlow \d+\.\d+/);
    expect(report.threads).toBeGreaterThanOrEqual(1);
    expect(report.hint).toBeUndefined();
    const data = await tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).data();
    expect(data).toBeInstanceOf(Float32Array);
    expect(Array.from(data)).toEqual([3, 3, 3, 3]);
  });

  whenNative('computes the gradients of wasm and cpu: matMul, gather, softmax, layer norm', async () => {
    const gradients: number[][] = [];
    for (const backend of ['cpu', 'wasm', 'tensorflow'] as const) {
      await selectBackend({ backend });
      const table = tf.randomNormal([5, 8], 0, 1, 'float32', 1);
      const weights = tf.randomNormal([8, 8], 0, 1, 'float32', 2);
      const f = (x: tf.Tensor, w: tf.Tensor) => {
        const rows = tf.gather(x, tf.tensor2d([0, 2, 2, 4, 1, 0], [2, 3], 'int32'));
        const { mean, variance } = tf.moments(rows, -1, true);
        const normed = rows.sub(mean).div(variance.add(1e-5).sqrt());
        const projected = tf.matMul(normed, w);
        const scores = tf.matMul(projected, normed, false, true).softmax();
        return tf.matMul(scores, projected).tanh().square().sum();
      };
      const found = tf.grads((x, w) => f(x as tf.Tensor, w as tf.Tensor))([table, weights]);
      gradients.push((await Promise.all(found.map(async (g) => Array.from(await g.data())))).flat());
      tf.dispose([table, weights, found]);
    }
    const [cpu, ...others] = gradients as [number[], ...number[][]];
    // Relative to the largest gradient, 8.5: how a product adds up depends on the instruction set.
    const largest = Math.max(...cpu.map(Math.abs));
    for (const other of others) {
      expect(Math.max(...cpu.map((value, i) => Math.abs(value - other[i]!)))).toBeLessThan(2e-6 * largest);
    }
    expect(largest).toBeGreaterThan(0.1);
  });

  whenNative('reshapes numbers of every type to more shapes than it keeps, and leaves nothing behind', async () => {
    await selectBackend({ backend: 'tensorflow' });
    const before = tf.memory().numDataBuffers;
    tf.engine().startScope();
    for (let rows = 1; rows <= 600; rows++) {
      const x = tf.zeros([rows, 2]);
      expect(x.reshape([2, -1]).shape).toEqual([2, rows]);
      const same = x.reshape([rows, 2]);
      x.dispose();
      expect(same.add(1).shape).toEqual([rows, 2]);
    }
    for (const values of [
      tf.tensor([1, 2, 3, 4], [2, 2], 'int32'),
      tf.tensor([true, false, true, true], [2, 2], 'bool'),
      tf.tensor(['a', 'b', 'c', 'd'], [2, 2]),
    ]) {
      for (let round = 0; round < 2; round++)
        expect([...(await values.reshape([4]).data<tf.DataType>())].map(String)).toEqual(
          [...(await values.data<tf.DataType>())].map(String),
        );
      expect(values.reshape([2, 2]).dtype).toBe(values.dtype);
    }
    expect(() => tf.zeros([2, 3]).reshape([4])).toThrow(/requested shape/);
    tf.engine().endScope();
    expect(tf.memory().numDataBuffers).toBe(before);
  });

  whenNative('excludes its CUDA twin in the same process', async () => {
    await selectBackend({ backend: 'tensorflow' });
    await expect(selectBackend({ backend: 'tensorflow-gpu' })).rejects.toThrow(/already loaded/);
  });
});
