import { afterEach, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { describeOnNative } from '../../../../tools/jest/on-native.js';
import { packedMegabytes as held } from '../../../../tools/jest/packed-megabytes.js';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference } from '../../test/test-hosts.js';
import { type AffineWeights, affineWeights, frozenAffine } from './frozen-affine.js';
import { frozenFeedForward } from './frozen-feed-forward.js';
import { nativeAffine, nativePack, notGiven } from './native-kernels.js';

const report = useTestBackend();
const limit = 'TFJS_PEFT_PACKED_MB';

let seed = 0;
const random = (shape: number[]) => tf.randomNormal(shape, 0, 0.3, 'float32', ++seed);
const affine = (inputs: number, outputs: number): AffineWeights =>
  affineWeights(random([inputs, outputs]) as tf.Tensor2D, random([outputs]) as tf.Tensor1D);

/** Values and gradients of both kinds of products, and whether weights were kept packed for them. */
async function run(x: tf.Tensor, [map, expand, contract]: readonly AffineWeights[]) {
  const before = await held();
  const results = [
    (input: tf.Tensor) => frozenAffine(input, map!),
    (input: tf.Tensor) => frozenFeedForward(input, expand!, contract!),
  ].flatMap((operation) => {
    const { value, grad } = tf.valueAndGrad((input: tf.Tensor) => operation(input).square().sum() as tf.Scalar)(x);
    value.dispose();
    return [operation(x), grad];
  });
  const kept = (await held()) - before;
  for (const weights of [map!, expand!, contract!]) weights.disposeCopies();
  expect(await held()).toBeCloseTo(before, 9);
  return { results, kept };
}

describeOnNative('packed weights', () => {
  afterEach(() => {
    delete process.env[limit];
  });

  // One row, few rows, and many, with ends that fill no panel and no tile.
  it.each([1, 7, 48, 49, 230])('give the bits of weights packed for each product: %i rows', async (rows) => {
    if (!report().fusedKernels?.active) return;
    const x = random([rows, 70]);
    const weights = [affine(70, 130), affine(70, 401), affine(401, 70)];
    const packed = await run(x, weights);
    process.env[limit] = '0';
    const anew = await run(x, weights);
    expect(packed.kept).toBeGreaterThan(2 * (4 / 2 ** 20) * (70 * 130 + 2 * 70 * 401));
    expect(anew.kept).toBe(0);
    for (const [index, tensor] of packed.results.entries())
      expect(await maxDifference(tensor, anew.results[index]!)).toBe(0);
  });

  it('are kept up to the limit, leave no tensor behind, and are made again after they were freed', async () => {
    if (!report().fusedKernels?.active) return;
    process.env[limit] = String(Math.ceil(await held()) + 1);
    const before = tf.memory().numTensors;
    const small = affine(64, 64);
    const large = affine(512, 1024);
    const use = () => tf.tidy(() => [small, large].map((weights) => weights.packed('forward').size));
    expect(use()).toEqual([64 * 64, 0]);
    expect(tf.memory().numTensors).toBe(before + 6);
    for (const weights of [small, large]) weights.disposeCopies();
    expect(tf.memory().numTensors).toBe(before + 4);
    expect(use()[0]).toBe(64 * 64);
    for (const weights of [small, large]) weights.disposeCopies();
  });

  it('of the other direction or of another map are refused', () => {
    if (!report().fusedKernels?.active) return;
    const { kernel } = affine(64, 200);
    const x = random([3, 64]);
    for (const packed of [nativePack(kernel, true), nativePack(affine(64, 201).kernel, false)])
      if (packed.size !== nativePack(kernel, false).size)
        expect(() => nativeAffine(x, kernel, notGiven(), packed)).toThrow(/do not fit/);
  });
});
