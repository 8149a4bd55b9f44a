import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { testBackendName, useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { withoutKernels } from '../../../../tools/jest/without-kernels.js';
import { maxDifference } from '../../test/test-hosts.js';
import { activateGate } from './activations.js';
import { affineWeights, frozenAffine } from './frozen-affine.js';
import { frozenFeedForward } from './frozen-feed-forward.js';
import { fusedAttention } from './fused-attention.js';
import { gelu } from './gelu.js';
import { frozenLayerNorm } from './layer-norm.js';
import { additiveMask } from './masked-softmax.js';
import {
  hasFusedKernels,
  nativeGatedSilu,
  nativeGatedSiluGradient,
  nativeMoveRows,
  nativeRmsNorm,
  nativeRotate,
} from './native-kernels.js';
import { frozenRmsNorm } from './rms-norm.js';
import { rotaryAngles, rotate } from './rotary.js';
import { packedLayout } from '../model/token-layout.js';

const report = useTestBackend();
const whereFused = ['tensorflow', 'wasm'].includes(testBackendName) ? it : it.skip;

/** Runs `compute` as if the fused kernels were not there. */
const portably = <T>(compute: () => T): T =>
  withoutKernels(['TfjsPeftAffine'], () => {
    expect(hasFusedKernels()).toBe(false);
    return compute();
  });

type Inputs = readonly tf.Tensor[];
type Operation = (...inputs: tf.Tensor[]) => tf.Tensor;

/** Value and gradients of both, by a random weighting of the value; fused ones twice, to the same bits and without leaks. */
async function expectSame(fused: Operation, portable: Operation, inputs: Inputs): Promise<void> {
  if (!report().fusedKernels?.active) return;
  const direction = random(tf.tidy(() => fused(...inputs)).shape);
  const both = (operation: Operation) =>
    tf.tidy(() => {
      const { value, grads } = tf.valueAndGrads(
        (...at) =>
          operation(...at)
            .mul(direction)
            .sum() as tf.Scalar,
      )([...inputs]);
      value.dispose();
      return [tf.tidy(() => operation(...inputs)), ...grads];
    });
  const expected = portably(() => both(portable));
  // Frozen weights are packed in both directions once and kept.
  tf.dispose(both(fused));
  const before = tf.memory().numTensors;
  const found = both(fused);
  const again = both(fused);
  expect(tf.memory().numTensors).toBe(before + 2 * found.length);
  for (const [index, tensor] of found.entries()) {
    const size = (await expected[index]!.abs().max().data())[0]!;
    expect(tensor.shape).toEqual(expected[index]!.shape);
    expect(await maxDifference(tensor, expected[index]!)).toBeLessThan(1e-5 * Math.max(1, size));
    expect(await maxDifference(tensor, again[index]!)).toBe(0);
  }
}

let seed = 100;
const random = (shape: number[], scale = 1) => tf.randomNormal(shape, 0, scale, 'float32', ++seed);

describe('fused kernels compute what the backend’s own operations compute', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  whereFused('they are there, unless the report says why not', () => {
    const { active, why } = report().fusedKernels!;
    expect(hasFusedKernels()).toBe(active);
    if (!active) console.log(`Skipped: fused kernels against portable operations (${why}).`);
  });

  // More rows, columns and depth than one tile, panel and block, and ends that fill none of them.
  whereFused.each([
    [[1, 1, 5], 3],
    [[3, 7, 20], 33],
    [[130, 401], 100],
    [[2, 50, 384], 1152],
  ])('affine map of %j to %i', async (shape, outputs) => {
    const weights = affineWeights(
      random([shape.at(-1)!, outputs], 0.1) as tf.Tensor2D,
      random([outputs]) as tf.Tensor1D,
    );
    for (const withBias of [true, false]) {
      const map: Operation = (x) => frozenAffine(x, weights, withBias);
      await expectSame(map, map, [random(shape)]);
    }
  });

  whereFused.each([
    [[2, 3, 7], 19],
    [[5, 31, 48], 200],
  ])('feed-forward network, layer normalisation and gelu of %j', async (shape, inner) => {
    const size = shape.at(-1)!;
    const expand = affineWeights(random([size, inner], 0.2) as tf.Tensor2D, random([inner]) as tf.Tensor1D);
    const contract = affineWeights(random([inner, size], 0.2) as tf.Tensor2D, random([size]) as tf.Tensor1D);
    const [weight, bias] = [random([size]) as tf.Tensor1D, random([size]) as tf.Tensor1D];
    const network: Operation = (x) => frozenFeedForward(x, expand, contract);
    await expectSame(network, network, [random(shape)]);
    const norm: Operation = (x) => frozenLayerNorm(x, weight, bias, 1e-12);
    await expectSame(norm, norm, [random(shape, 3)]);
    await expectSame(gelu, gelu, [random(shape, 4)]);
  });

  whereFused.each([[[1, 1, 5]], [[3, 7, 20]], [[2, 50, 384]], [[9000]]])(
    'root mean square normalisation and gated silu of %j',
    async (shape) => {
      const weight = random([shape.at(-1)!]) as tf.Tensor1D;
      const norm: Operation = (x) => frozenRmsNorm(x, weight, 1e-5);
      await expectSame(norm, norm, [random(shape, 3)]);
      const gated: Operation = (gate, up) => activateGate('silu', gate!, up!);
      await expectSame(gated, gated, [random(shape, 4), random(shape)]);
    },
  );

  whereFused('gated silu of numbers whose exponential has no end', async () => {
    const gate = tf.tensor1d([-1e4, -200, -89, -87.5, 0, 87.5, 200, 1e4, Infinity]);
    const value = await activateGate('silu', gate, tf.onesLike(gate)).data();
    expect([...value].map((number) => Math.abs(number) < 1e-30)).toEqual([
      ...Array(5).fill(true),
      ...Array(4).fill(false),
    ]);
    expect([...value.slice(5)]).toEqual([87.5, 200, 1e4, Infinity]);
    expect((await activateGate('silu', tf.tensor1d([NaN]), tf.tensor1d([1])).data())[0]).toBeNaN();
  });

  whereFused.each([
    [1, 6],
    [3, 6],
    [3, 64],
  ])('rotations by %i angles of heads of %i numbers', async (batch, size) => {
    const positions = tf.randomUniform([batch, 70], 0, 300, 'int32', 5) as tf.Tensor2D;
    const angles = rotaryAngles(positions, size, 10_000);
    const turned: Operation = (x) => rotate(x!, angles);
    await expectSame(turned, turned, [random([3, 2, 70, size])]);
    const x = random([3, 2, 70, size]);
    const there = rotate(x, angles);
    expect(await maxDifference(tf.grad((at) => rotate(at, angles).mul(there).sum())(x), x)).toBeLessThan(1e-5);
  });

  whereFused('inputs of kernels that do not fit each other are refused', () => {
    if (!report().fusedKernels?.active) return;
    const angles = tf.ones([1, 1, 3, 4]);
    const refused = /do not fit/;
    expect(() => nativeRotate(tf.ones([2, 1, 3, 6]), angles, angles, false)).toThrow(refused);
    expect(() => nativeRotate(tf.ones([2, 1, 4, 4]), angles, angles, false)).toThrow(refused);
    expect(() => nativeRmsNorm(tf.ones([2, 3]), tf.ones([4]), 1e-5)).toThrow(refused);
    expect(() => nativeGatedSilu(tf.ones([2, 3]), tf.ones([3]))).toThrow(refused);
    expect(() => nativeGatedSiluGradient(tf.ones([3]), tf.ones([2, 3]), tf.ones([2, 3]))).toThrow(refused);
  });

  whereFused.each([
    { prefix: 0, each: false, drop: false },
    { prefix: 3, each: false, drop: true },
    { prefix: 30, each: true, drop: false },
    { prefix: 5, each: true, drop: true },
  ])('attention: $prefix prefix rows, one an example: $each, dropout: $drop', async ({ prefix, each, drop }) => {
    const [batch, tokens, heads, size] = [3, 21, 2, 7];
    const length = prefix + tokens;
    const ids = Array.from({ length: batch }, (_, row) =>
      Array.from({ length: tokens }, (__, at) => (at < 9 + 6 * row ? 1 : 0)),
    );
    const mask = additiveMask(tf.tensor2d(ids, [batch, tokens], 'int32'));
    const factors = drop
      ? tf.randomUniform([batch, heads, tokens, length], 0, 1, 'float32', 5).greater(0.2).toFloat().mul(1.25)
      : undefined;
    const shape = [...(each ? [batch] : []), heads, prefix, size];
    const inputs = [random([batch, tokens, 3 * heads * size]), ...(prefix > 0 ? [random(shape), random(shape)] : [])];
    const fused: Operation = (x, keys, values) =>
      fusedAttention(x, keys ? [{ keys, values: values! }] : [], mask, heads, factors);
    const plain: Operation = (x, keys, values) => {
      const split = tf.split(x.reshape([batch, tokens, 3 * heads, size]).transpose([0, 2, 1, 3]), 3, 1);
      const join = (before: tf.Tensor | undefined, text: tf.Tensor) =>
        before ? tf.concat([before.broadcastTo([batch, heads, prefix, size]), text], 2) : text;
      const open: [number, number][] = [
        [0, 0],
        [0, 0],
        [0, 0],
        [prefix, 0],
      ];
      const scores = tf.matMul(split[0]!, join(keys, split[1]!), false, true).div(Math.sqrt(size));
      const weights = tf.softmax(scores.add(mask.pad(open)));
      const context = tf.matMul(factors ? weights.mul(factors) : weights, join(values, split[2]!));
      return context.transpose([0, 2, 1, 3]).reshape([batch, tokens, heads * size]);
    };
    await expectSame(fused, plain, inputs);
  });

  whereFused('tokens from and to a batch without padding', async () => {
    const places = tf.tensor1d([0, 1, 2, 70, 71, 209], 'int32');
    for (const back of [false, true]) {
      const move: Operation = (x) => {
        const layout = packedLayout(places, [3, 70]);
        return back ? layout.unpack(x) : layout.pack(x);
      };
      await expectSame(move, move, [random(back ? [1, 6, 33] : [3, 70, 33])]);
    }
  });

  whereFused('inputs that do not fit are an error, not a crash', () => {
    if (!report().fusedKernels?.active) return;
    const weights = affineWeights(random([4, 5]) as tf.Tensor2D, random([5]) as tf.Tensor1D);
    expect(() => frozenAffine(random([2, 3]), weights)).toThrow(/do not fit/);
    for (const row of [-2, 5, NaN])
      expect(() => nativeMoveRows(random([5, 3]) as tf.Tensor2D, tf.tensor1d([row]))).toThrow(/do not fit/);
  });
});
