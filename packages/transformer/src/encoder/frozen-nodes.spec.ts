import { beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference } from '../../test/test-hosts.js';
import { activate, activationNames } from '../kernels/activations.js';
import { affineWeights, frozenAffine } from '../kernels/frozen-affine.js';
import { frozenFeedForward } from '../kernels/frozen-feed-forward.js';
import { frozenLayerNorm, layerNorm } from '../kernels/layer-norm.js';
import { additiveMask, maskedSoftmax } from '../kernels/masked-softmax.js';

useTestBackend();

let seed = 0;
const random = (shape: number[], scale = 1) => tf.randomNormal(shape, 0, scale, 'float32', ++seed);
type Map1 = (x: tf.Tensor) => tf.Tensor;

const plainGelu: Map1 = (x) => x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1));
const plainNorm: Map1 = (x) => {
  const centred = x.sub(x.mean(-1, true));
  return centred.div(centred.square().mean(-1, true).add(1e-5).sqrt());
};
const plainAffine =
  (kernel: tf.Tensor, bias: tf.Tensor): Map1 =>
  (x) =>
    tf
      .matMul(x.reshape([-1, kernel.shape[0]!]), kernel)
      .add(bias)
      .reshape([...x.shape.slice(0, -1), kernel.shape[1]!]);

/** Value and gradient equal those of the same function written with plain operations, also inside tidy, twice, and without leaks. */
async function expectSame(fused: Map1, plain: Map1, x: tf.Tensor) {
  const weights = random(plain(x).shape);
  const both = (f: Map1) =>
    tf.tidy(() => tf.valueAndGrad((at) => tf.tidy(() => f(at).mul(weights).sum() as tf.Scalar))(x));
  const expected = both(plain);
  tf.dispose(both(fused)); // makes copies that are kept
  const before = tf.memory().numTensors;
  const found = both(fused);
  const again = both(fused);
  expect(tf.memory().numTensors).toBe(before + 4);
  expect(
    await maxDifference(
      tf.tidy(() => fused(x)),
      plain(x),
    ),
  ).toBeLessThan(1e-5);
  const size = (await expected.grad.abs().max().data())[0]!;
  expect(await maxDifference(found.grad, expected.grad)).toBeLessThan(1e-5 * Math.max(1, size));
  expect(await maxDifference(found.grad, again.grad)).toBe(0);
}

describe('operations with frozen weights equal plain ones in value and gradient', () => {
  let kernel: tf.Tensor2D;
  let bias: tf.Tensor1D;
  beforeAll(() => {
    kernel = random([6, 10]) as tf.Tensor2D;
    bias = random([10]) as tf.Tensor1D;
  });

  it.each([[[4, 6]], [[2, 3, 6]], [[1, 1, 6]]])('affine map of %j', async (shape) => {
    const weights = affineWeights(kernel, bias);
    await expectSame((x) => frozenAffine(x, weights), plainAffine(kernel, bias), random(shape));
    await expectSame((x) => frozenAffine(x, weights, false), plainAffine(kernel, tf.zeros([10])), random(shape));
    weights.disposeCopies();
  });

  it('feed-forward network', async () => {
    const [back, offset] = [random([10, 6]) as tf.Tensor2D, random([6]) as tf.Tensor1D];
    const [expand, contract] = [affineWeights(kernel, bias), affineWeights(back, offset)];
    const plain: Map1 = (x) => plainAffine(back, offset)(plainGelu(plainAffine(kernel, bias)(x)));
    await expectSame((x) => frozenFeedForward(x, expand, contract), plain, random([2, 3, 6]));
  });

  it('layer normalisation, with frozen and with trained weights', async () => {
    const [weight, shift] = [random([6]) as tf.Tensor1D, random([6]) as tf.Tensor1D];
    const plain: Map1 = (x) => plainNorm(x).mul(weight).add(shift);
    await expectSame((x) => frozenLayerNorm(x, weight, shift, 1e-5), plain, random([2, 3, 6]));
    await expectSame((x) => layerNorm(x, weight, shift, 1e-5), plain, random([2, 3, 6]));
    const x = random([2, 3, 6]);
    await expectSame(
      (w) => layerNorm(x, w, shift, 1e-5),
      (w) => plainNorm(x).mul(w).add(shift),
      weight,
    );
  });

  it('softmax with padding', async () => {
    const mask = additiveMask(tf.tensor2d([1, 1, 1, 1, 0, 0], [2, 3], 'int32'));
    await expectSame(
      (x) => maskedSoftmax(x, mask),
      (x) => tf.softmax(x.add(mask)),
      random([2, 2, 3, 3]),
    );
    const weights = maskedSoftmax(random([2, 1, 1, 3]), mask).slice([1, 0, 0, 1], [1, 1, 1, 2]);
    expect(await weights.data()).toEqual(new Float32Array(2));
  });
});

describe('activations', () => {
  it.each(activationNames)('%s has the gradient of its values', async (name) => {
    const x = tf.linspace(-4, 4, 41).add(0.05);
    const gradient = tf.grad((at) => activate(name, at))(x);
    const epsilon = 1e-2;
    const slope = activate(name, x.add(epsilon))
      .sub(activate(name, x.sub(epsilon)))
      .div(2 * epsilon);
    expect(await maxDifference(gradient, slope)).toBeLessThan(1e-3);
  });

  // Values of torch.nn.functional.gelu, its tanh form and silu.
  it.each([
    ['gelu', [-0.15865525, -0.04550026, 0.84134475, 1.9544997]],
    ['gelu_new', [-0.15880796, -0.04540229, 0.84119204, 1.9545977]],
    ['silu', [-0.26894143, -0.23840584, 0.7310586, 1.7615942]],
  ] as const)('%s has the values of torch', async (name, values) => {
    expect(await maxDifference(activate(name, tf.tensor1d([-1, -2, 1, 2])), tf.tensor1d([...values]))).toBeLessThan(
      1e-6,
    );
  });

  it('takes the gradient of gelu as of plain operations', () =>
    expectSame((x) => activate('gelu', x), plainGelu, random([3, 7])));
});
