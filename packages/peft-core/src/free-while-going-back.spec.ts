import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { freeWhileGoingBack } from './free-while-going-back.js';

useTestBackend();

/** Gradients by TensorFlow.js alone, or freed on the way, and by how many tensors the way back grew at most. */
function gradientsOf(loss: (xs: readonly tf.Tensor[]) => tf.Scalar, xs: tf.Tensor[], frees: boolean) {
  const counts: number[] = [];
  const engine = tf.engine();
  const before = tf.memory().numTensors;
  const { value, grads } = engine.gradients(
    () => {
      const total = loss(xs);
      const tape = engine.state.activeTape;
      if (frees) freeWhileGoingBack(tape);
      for (const node of tape) {
        const { gradient } = node;
        if (gradient)
          node.gradient = (dys) => {
            const gradients = gradient(dys);
            counts.push(tf.memory().numTensors);
            return gradients;
          };
      }
      return total;
    },
    xs,
    undefined,
    true,
  );
  value.dispose();
  const found = grads.map((gradient) => [...gradient.dataSync()]);
  tf.dispose(grads);
  expect(tf.memory().numTensors).toBe(before);
  return { found, grown: Math.max(...counts) - counts[0]! };
}

/** An operation whose gradient is one tensor for both inputs: that of its output. */
const sumOf = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
  tf.customGrad((x, y) => ({
    value: (x as tf.Tensor).add(y as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => [dy, dy],
  }))(a, b);

const layers = (x: tf.Tensor, count: number): tf.Tensor =>
  Array.from({ length: count }).reduce<tf.Tensor>((states) => tf.tidy(() => states.tanh().mul(0.9).add(states)), x);

describe('freeWhileGoingBack', () => {
  const xs = () => [tf.tensor1d([0.1, -0.4, 0.7]), tf.tensor1d([1, 2, -3])];
  it.each<[string, (xs: readonly tf.Tensor[]) => tf.Scalar]>([
    ['a chain with residuals', ([a, b]) => layers(a!.mul(b!), 5).sum()],
    ['a gradient that is that of two inputs', ([a, b]) => sumOf(a!.square(), b!.exp()).square().sum()],
    ['the same for one tensor twice', ([a]) => sumOf(a!, a!).square().sum()],
    [
      'a gradient handed on as it is',
      ([a, b]) =>
        sumOf(sumOf(a!, b!), tf.ones([3]))
          .tanh()
          .sum(),
    ],
    ['outputs of which one is used', ([a, b]) => tf.split(a!.mul(b!), 3)[1]!.sum()],
    ['inputs without influence', ([a]) => a!.sin().sum()],
  ])('gives the same bits: %s', (_, loss) => {
    const inputs = xs();
    const whole = (given: readonly tf.Tensor[]) => loss(given).add<tf.Scalar>(given[1]!.mul(0).sum());
    expect(gradientsOf(whole, inputs, true).found).toEqual(gradientsOf(whole, inputs, false).found);
    tf.dispose(inputs);
  });

  it('leaves a gradient that somebody keeps', async () => {
    let kept: tf.Tensor | undefined;
    const watched = (x: tf.Tensor) =>
      tf.customGrad((a) => ({
        value: (a as tf.Tensor).mul(2),
        gradFunc: (dy: tf.Tensor) => {
          kept = tf.keep(dy);
          return dy.mul(2);
        },
      }))(x);
    const [a] = xs();
    const { value, grads } = tf.engine().gradients(
      () => {
        const total = watched(a!.square()).square().sum();
        freeWhileGoingBack(tf.engine().state.activeTape);
        return total;
      },
      [a!],
      undefined,
      true,
    );
    expect(await kept!.array()).toEqual([0.04, 0.64, 1.96].map((number) => expect.closeTo(number, 5)));
    tf.dispose([value, ...grads, a!, kept!]);
  });

  it('holds no more gradients of a longer way', () => {
    const inputs = xs();
    const grownBy = (count: number, frees: boolean) =>
      gradientsOf(([a]) => layers(a!, count).sum(), inputs.slice(0, 1), frees).grown;
    const growth = (frees: boolean) => (grownBy(20, frees) - grownBy(10, frees)) / 10;
    expect(growth(true)).toBe(0);
    expect(growth(false)).toBeGreaterThan(2);
    tf.dispose(inputs);
  });
});
