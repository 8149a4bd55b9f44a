import { afterEach, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { describeOnNative } from '../../../../tools/jest/on-native.js';
import { packedMegabytes as held } from '../../../../tools/jest/packed-megabytes.js';
import { switchBackend, useTestBackend } from '../../../../tools/jest/use-test-backend.js';
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
    const use = () => tf.tidy(() => [small, large].map((weights) => weights.operands('forward').packed.size));
    expect(use()).toEqual([64 * 64, 0]);
    expect(tf.memory().numTensors).toBe(before + 6);
    for (const weights of [small, large]) weights.disposeCopies();
    expect(tf.memory().numTensors).toBe(before + 4);
    expect(use()[0]).toBe(64 * 64);
    for (const weights of [small, large]) weights.disposeCopies();
  });

  it('of the other direction, of another map or in panels of another width are refused', () => {
    if (!report().fusedKernels?.active) return;
    const { kernel } = affine(64, 200);
    const x = random([3, 64]);
    const own = nativePack(kernel, false);
    const [panels = 0, inputs = 0, width = 0] = own.shape;
    expect([inputs, panels * width >= 200]).toEqual([64, true]);
    const others = [
      nativePack(kernel, true),
      nativePack(affine(64, 200 + width).kernel, false),
      own.reshape([2 * panels, inputs, width / 2]),
      own.flatten(),
    ];
    for (const packed of others) expect(() => nativeAffine(x, { kernel, packed }, notGiven())).toThrow(/do not fit/);
  });

  it('stand in for the plain kernel, which comes back with its bits when somebody asks', async () => {
    if (!report().fusedKernels?.active) return;
    const [kernel, bias, x] = [random([70, 130]) as tf.Tensor2D, random([130]) as tf.Tensor1D, random([9, 70])];
    const [given, numbers] = [affineWeights(kernel, bias), await kernel.data()];
    let owned: tf.Tensor2D | undefined = kernel.clone();
    let takesBack = 0;
    const weights = affineWeights(owned, bias, {
      letGo() {
        owned!.dispose();
        owned = undefined;
        return true;
      },
      takeBack(back) {
        owned = back;
        takesBack++;
      },
    });
    const both = (map: AffineWeights) => [
      frozenAffine(x, map),
      tf.grad((at) => frozenAffine(at, map).square().sum())(x),
    ];
    const expected = both(given);
    const found = both(weights);
    expect(owned).toBeUndefined();
    for (const [index, tensor] of found.entries()) expect(await maxDifference(tensor, expected[index]!)).toBe(0);
    expect(await weights.kernel.data()).toEqual(numbers);
    expect([owned === weights.kernel, takesBack]).toEqual([true, 1]);
    // It stays, and the products do too.
    for (const [index, tensor] of both(weights).entries())
      expect(await maxDifference(tensor, expected[index]!)).toBe(0);
    expect(owned!.isDisposed).toBe(false);
    expect(() => nativeAffine(x, { kernel: tf.tensor([], [70, 130, 0]), packed: tf.tensor1d([]) }, bias)).toThrow(
      /do not fit/,
    );
    for (const map of [given, weights]) map.disposeCopies();
  });

  it('for one direction alone leave the plain kernel to the other', async () => {
    if (!report().fusedKernels?.active) return;
    const [kernel, x] = [random([512, 1024]) as tf.Tensor2D, random([9, 512])];
    process.env[limit] = String(Math.ceil(await held()) + 3);
    let back: tf.Tensor2D | undefined;
    const weights = affineWeights(kernel.clone(), undefined, {
      letGo: () => true,
      takeBack: (made) => void (back = made),
    });
    frozenAffine(x, weights);
    const slope = tf.grad((at) => frozenAffine(at, weights).sum())(x);
    expect(await maxDifference(back!, kernel)).toBe(0);
    const expected = tf.matMul(tf.ones([9, 1024]), kernel, false, true);
    expect(await maxDifference(slope, expected)).toBeLessThan(1e-3);
    weights.disposeCopies();
  });

  it('are those of the backend that computes, are counted there, and are all freed', async () => {
    const backends = ['tensorflow', 'wasm', 'tensorflow', 'wasm'] as const;
    const heldOn = async (backend: (typeof backends)[number]) =>
      (await switchBackend(backend)).fusedKernels!.packedWeights!.megabytes;
    const held = async () => [await heldOn('wasm'), await heldOn('tensorflow')];
    const before = await held();
    // Outputs that fill the panels of every layout.
    const [weights, wide, narrow] = [affine(64, 96), affine(64, 128), affine(128, 64)];
    const x = random([5, 64]);
    const value = (input: tf.Tensor) =>
      tf.add(frozenAffine(input, weights).sum(), frozenFeedForward(input, wide, narrow).sum());
    const compute = () => [frozenAffine(x, weights), frozenFeedForward(x, wide, narrow), tf.grad(value)(x)];
    await switchBackend('cpu');
    const expected = compute();
    for (const backend of backends) {
      await switchBackend(backend);
      const found = compute();
      for (const [index, tensor] of found.entries())
        expect(await maxDifference(tensor, expected[index]!)).toBeLessThan(1e-4);
    }
    const bytes = 4 * 2 * 64 * (96 + 128 + 128);
    for (const [index, megabytes] of (await held()).entries())
      expect(megabytes - before[index]!).toBeCloseTo(bytes / 2 ** 20, 9);
    for (const map of [weights, wide, narrow]) map.disposeCopies();
    expect(await held()).toEqual(before);
  });
});
