import { describe, expect, it } from '@jest/globals';
import { createStream, substream } from '@tfjs-peft/peft-core';
import { dropoutFactors } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { testBackendName, useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { withoutKernels } from '../../../tools/jest/without-kernels.js';
import { squaredCosine } from './cosine-penalty.js';
import { mixAll } from './mix-vertices.js';

const report = useTestBackend();
let seed = 0;
const random = (shape: number[]) => tf.randomNormal(shape, 0, 1, 'float32', ++seed);
const bits = async (tensors: readonly tf.Tensor[]) =>
  Promise.all(tensors.map(async (tensor) => [...(await tensor.data())]));

/** Results of an operation and gradients of a weighted sum of them, with the kernels and without; no tensor is left behind. */
function fusedAndPortable(
  names: readonly string[],
  operation: (...inputs: tf.Tensor[]) => tf.Tensor[],
  inputs: readonly tf.Tensor[],
) {
  const directions = operation(...inputs).map(({ shape }) => random(shape));
  const resultsAndGradients = (at: readonly tf.Tensor[], along: readonly tf.Tensor[]) => {
    const loss = (...values: tf.Tensor[]) =>
      tf.addN(operation(...values).map((tensor, index) => tensor.mul(along[index]!).sum())) as tf.Scalar;
    return [...operation(...at), ...tf.grads(loss)([...at])];
  };
  const both = () => tf.tidy(() => resultsAndGradients(inputs, directions));
  const before = tf.memory().numTensors;
  const fused = both();
  expect(tf.memory().numTensors).toBe(before + fused.length);
  const portable = withoutKernels(names, both);
  expect(fused.map(({ shape }) => shape)).toEqual(portable.map(({ shape }) => shape));
  const sizes = () =>
    tf.tidy(() =>
      resultsAndGradients(
        inputs.map((input) => input.abs()),
        directions.map((direction) => direction.abs()),
      ),
    );
  return { fused, portable, sizes: () => withoutKernels(names, sizes) };
}

/** With TensorFlow the same to the bit, but for plain code for old machines, which rounds a product before it is added. */
async function expectSameBits(...of: Parameters<typeof fusedAndPortable>): Promise<void> {
  if (!report().fusedKernels?.active) return;
  const { fused, portable } = fusedAndPortable(...of);
  const [found, expected] = [await bits(fused), await bits(portable)];
  if (testBackendName === 'tensorflow' && !report().fusedKernels!.why.startsWith('baseline'))
    expect(found).toEqual(expected);
  const apart = found.flatMap((values, i) => values.map((value, j) => Math.abs(value - expected[i]![j]!)));
  expect(apart.reduce((most, distance) => Math.max(most, distance), 0)).toBeLessThan(1e-4);
}

/**
 * Sums of `terms` products, apart by no more than their rounding: a machine's own library may round each product or not.
 * Factors but for inputs and directions must not be negative.
 */
async function expectSameButRounding(terms: number, ...of: Parameters<typeof fusedAndPortable>): Promise<void> {
  if (!report().fusedKernels?.active) return;
  const { fused, portable, sizes } = fusedAndPortable(...of);
  const [found, expected, size] = [await bits(fused), await bits(portable), await bits(sizes())];
  const roundings = found.flatMap((values, i) =>
    values.map((value, j) => Math.abs(value - expected[i]![j]!) / (size[i]![j]! * 2 ** -23)),
  );
  expect(roundings.reduce((most, apart) => Math.max(most, apart), 0)).toBeLessThanOrEqual(terms);
}

describe('one call for all parameters of a simplex', () => {
  it.each([2, 3, 5])('mixes %i vertices', async (vertices) => {
    const shapes = [[4, 9, 32], [3, 5000], [1]];
    const coefficients = shapes.map((_, index) =>
      tf.randomUniform([index === 1 ? 1 : 6, vertices], 0, 1, 'float32', 7),
    ) as tf.Tensor2D[];
    const inputs = shapes.flatMap((shape) => Array.from({ length: vertices }, () => random(shape)));
    await expectSameButRounding(
      Math.max(vertices, 6),
      ['TfjsPeftMix'],
      (...at) =>
        mixAll(
          shapes.map((_, index) => ({
            vertices: at.slice(index * vertices, (index + 1) * vertices),
            coefficients: coefficients[index]!,
            keepRows: index !== 1,
          })),
        ),
      inputs,
    );
  });

  it('mixes one parameter, and leaves one that is shared', async () => {
    const [shared, a, b] = [random([3]), random([2, 3]), random([2, 3])];
    const coefficients = tf.tensor2d([[0.25, 0.75]]);
    const [first, second] = mixAll([{ vertices: [shared] }, { vertices: [a, b], coefficients, keepRows: false }]);
    expect(first).toBe(shared);
    expect(second!.shape).toEqual([2, 3]);
    await expectSameBits(['TfjsPeftMix'], (...vertices) => mixAll([{ vertices, coefficients, keepRows: true }]), [
      a,
      b,
    ]);
  });

  it('compares them', async () => {
    const shapes = [[70, 301], [5], [12, 16, 32], [2, 2], [90_000], [3], [4], [5], [6], [7]];
    const inputs = [...shapes, ...shapes].map(random);
    await expectSameBits(
      ['TfjsPeftDot', 'TfjsPeftDifference'],
      (...at) => [squaredCosine(at.slice(0, shapes.length), at.slice(shapes.length))],
      inputs,
    );
  });

  it.each([[[1]], [[7, 11]], [[3, 5, 1001]], [[0, 4]]])('drops out the same places: %j', async (shape) => {
    if (!report().fusedKernels?.active) return;
    for (const rate of [0.1, 0.5, 0.937]) {
      const stream = substream(createStream(3), rate);
      const fused = dropoutFactors(shape, rate, stream);
      const portable = withoutKernels(['TfjsPeftDropoutFactors'], () => dropoutFactors(shape, rate, stream));
      expect(fused.shape).toEqual(shape);
      expect(await bits([fused])).toEqual(await bits([portable]));
    }
  });
});
