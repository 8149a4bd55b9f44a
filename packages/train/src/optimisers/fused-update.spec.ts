import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { testBackendName, useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { withoutKernels } from '../../../../tools/jest/without-kernels.js';
import { adamW } from './adamw.js';
import { clippingScale, globalNorm } from '../step/gradient-norm.js';

const report = useTestBackend();
const shapes = [[], [1], [7], [3, 100], [16, 33, 12], [8193], [100_000], [5, 5], [9], [2, 2]];
let seed = 0;
const random = (shape: number[]) => tf.randomNormal(shape, 0, 1, 'float32', ++seed);
const bits = async (tensors: readonly tf.Tensor[]) =>
  Promise.all(tensors.map(async (tensor) => [...(await tensor.data())]));

describe('one call for all parameters', () => {
  it.each([1, 2, 8, 9, 10])('gives the norm of %i tensors, with TensorFlow to the bit', async (count) => {
    if (!report().fusedKernels?.active) return;
    const tensors = shapes.slice(-count).map(random);
    const fused = tf.tidy(() => globalNorm(tensors));
    const portable = withoutKernels(['TfjsPeftDot'], () => tf.tidy(() => globalNorm(tensors)));
    if (testBackendName === 'tensorflow') expect(await bits([fused])).toEqual(await bits([portable]));
    const squares = (await bits(tensors)).flat().map((value) => value * value);
    const exact = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
    expect(Math.abs((await fused.data())[0]! / exact - 1)).toBeLessThan(1e-6);
  });

  it('gives AdamW of each parameter, whatever its rate, decay and scale, and leaves those without a gradient', async () => {
    if (!report().fusedKernels?.active) return;
    const named = (make: (shape: number[]) => tf.Tensor) =>
      new Map(shapes.map((shape, index) => [`p${index}`, make(shape)]));
    const [parameters, gradients] = [named(random), named(random)];
    gradients.delete('p3');
    const optimiser = adamW();
    const settingsOf = (name: string) => ({
      learningRate: 0.01 * (1 + name.length),
      weightDecay: name === 'p4' ? 0.1 : 0,
    });
    const run = (names: readonly string[]) => {
      let state = optimiser.init(parameters);
      let values: ReadonlyMap<string, tf.Tensor> = parameters;
      for (const step of [1, 2, 3]) {
        const gradientScale = step === 2 ? undefined : clippingScale(globalNorm([...gradients.values()]), 1);
        const update = {
          parameters: values,
          gradients,
          state,
          step,
          settingsOf,
          ...(gradientScale && { gradientScale }),
        };
        ({ parameters: values, state } = withoutKernels(names, () => optimiser.update(update)));
      }
      expect(values.get('p3')).toBe(parameters.get('p3'));
      expect([...values.keys()]).toEqual([...parameters.keys()]);
      return [...values.values(), ...[...state.values()].flatMap((slot) => [...slot.values()])];
    };
    const [fused, again, portable] = [run([]), run([]), run(['TfjsPeftUpdateAdamW'])];
    expect(await bits(fused)).toEqual(await bits(again));
    for (const [index, tensor] of fused.entries()) {
      const found = (await tensor.data()) as Float32Array;
      const expected = await portable[index]!.data();
      const apart = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
      // The kernel rounds once where the operations round twice.
      expect(apart).toBeLessThan(1e-5);
    }
  });
});
