import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { exampleGate } from './example-gate.js';

useTestBackend();

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const numbers = async (tensor: tf.Tensor) => [...(await tensor.data())];
const mask = (rows: number[][]) => tf.tensor2d(rows, undefined, 'int32');

describe('exampleGate', () => {
  it('is the mean of the sigmoids over the text, by hand', async () => {
    const gate = exampleGate(tf.tensor1d([1, -2]), tf.tensor1d([0.5]));
    const x = tf.tensor3d([
      [
        [1, 0],
        [0, 1],
        [9, 9],
      ],
      [
        [2, 1],
        [1, 1],
        [0, -1],
      ],
    ]);
    const found = await numbers(
      gate(
        x,
        mask([
          [1, 1, 0],
          [1, 1, 1],
        ]),
      ),
    );
    expect(found[0]).toBeCloseTo((sigmoid(1.5) + sigmoid(-1.5)) / 2, 6);
    expect(found[1]).toBeCloseTo((sigmoid(0.5) + sigmoid(-0.5) + sigmoid(2.5)) / 3, 6);
  });

  it('lies between 0 and 1 and does not see padding, which a mean over all tokens does', async () => {
    const x = tf.randomNormal([4, 6, 5], 0, 3, 'float32', 1);
    const lengths = [6, 4, 1, 3];
    const text = mask(lengths.map((length) => [0, 1, 2, 3, 4, 5].map((token) => Number(token < length))));
    const noise = tf.randomNormal([4, 6, 5], 0, 3, 'float32', 2).mul(tf.sub(1, text.toFloat()).expandDims(2));
    const gate = exampleGate(tf.randomNormal([5], 0, 1, 'float32', 3), tf.tensor1d([0.1]));
    const found = await numbers(gate(x, text));
    for (const value of found) {
      expect(value).toBeGreaterThan(0);
      expect(value).toBeLessThan(1);
    }
    expect(await numbers(gate(x.add(noise), text))).toEqual(found);
    const all = tf.onesLike(text);
    const overAll = await numbers(gate(x, all));
    expect(overAll[0]).toBeCloseTo(found[0]!, 6);
    expect(Math.abs(overAll[2]! - found[2]!)).toBeGreaterThan(0.05);
    expect(await numbers(gate(x.add(noise), all))).not.toEqual(overAll);
  });

  it('may have weights of its own for each example', async () => {
    const x = tf.randomNormal([2, 3, 4], 0, 1, 'float32', 1);
    const text = mask([
      [1, 1, 1],
      [1, 1, 0],
    ]);
    const weights = tf.randomNormal([2, 4], 0, 1, 'float32', 2);
    const biases = tf.tensor2d([[0.5], [-1]]);
    const together = await numbers(exampleGate(weights, biases)(x, text));
    for (const example of [0, 1]) {
      const alone = exampleGate(
        weights.slice([example, 0], [1, -1]).reshape([4]),
        biases.slice([example, 0], [1, 1]).reshape([1]),
      );
      expect((await numbers(alone(x, text)))[example]).toBeCloseTo(together[example]!, 6);
    }
  });

  it('is closed, not undefined, without text', async () => {
    const gate = exampleGate(tf.ones([4]), tf.zeros([1]));
    expect(await numbers(gate(tf.ones([1, 3, 4]), mask([[0, 0, 0]])))).toEqual([0]);
  });
});
