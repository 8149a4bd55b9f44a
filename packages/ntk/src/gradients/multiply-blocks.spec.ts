import { createStream, substream } from '@tfjs-peft/peft-core';
import { normals } from '@tfjs-peft/peft-core/authoring';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import type { AffineBlock } from './blocks.js';
import { type KernelKind, signsOf } from './kernel-kinds.js';
import { multiplyBlocks, shareProducts } from './multiply-blocks.js';

useTestBackend();

const [inputs, outputs] = [50, 8000];
const stream = createStream('blocks');
const numbers = (size: number) => normals(substream(stream, size), size);

const blockOf = (lengths: readonly number[], perText: number): AffineBlock => {
  const places = lengths.reduce((sum, length) => sum + length, 0);
  return {
    kind: 'affine',
    x: tf.tensor2d(numbers(places * inputs), [places, inputs]),
    slopes: Array.from({ length: perText }, () => tf.tensor2d(numbers(places * outputs), [places, outputs])),
    lengths,
  };
};

/** The gradients of all outputs and texts, formed number by number. */
async function formed({ x, slopes, lengths }: AffineBlock): Promise<Float64Array[]> {
  const values = await x.data();
  const all: Float64Array[] = [];
  for (const slope of slopes) {
    const own = await slope.data();
    let place = 0;
    for (const length of lengths) {
      const gradient = new Float64Array(inputs * outputs);
      for (const end = place + length; place < end; place++)
        for (let i = 0; i < inputs; i++)
          for (let j = 0; j < outputs; j++)
            gradient[i * outputs + j]! += values[place * inputs + i]! * own[place * outputs + j]!;
      all.push(gradient);
    }
  }
  return all;
}

describe('products of the formed gradients of an affine map', () => {
  // Larger than what is formed at once: the weight's rows come in two groups, of which the second is smaller.
  it('are those of the whole gradients, for texts of several lengths and several outputs', async () => {
    const [a, b] = [blockOf([3, 1, 2, 5], 2), blockOf([1, 4, 1], 2)];
    const kinds: readonly KernelKind[] = ['signgd', 'sgd', 'asymmetric-signgd'];
    const shared = shareProducts();
    const products = tf.tidy(() => multiplyBlocks(a, b, kinds, 1e-8, shared));
    const [rows, columns] = [await formed(a), await formed(b)];
    expect(products[0]!.length).toBeGreaterThan(1);
    for (const [index, kind] of kinds.entries()) {
      const found = await tf.addN(products[index]!).data();
      const of = (gradient: Float64Array, sign: boolean) => (sign ? gradient.map(Math.sign) : gradient);
      const expected = rows.flatMap((row) =>
        columns.map((column) => {
          const [left, right] = [of(row, signsOf[kind].rows), of(column, signsOf[kind].columns)];
          return left.reduce((sum, value, i) => sum + value * right[i]!, 0);
        }),
      );
      const size = Math.max(...expected.map(Math.abs));
      // Rounding decides the signs of a few numbers near zero.
      for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value) / size).toBeLessThan(0.01);
    }
    shared.dispose();
    tf.dispose([products.flat(), [a, b].flatMap(({ x, slopes }) => [x, ...slopes])]);
  });
});
