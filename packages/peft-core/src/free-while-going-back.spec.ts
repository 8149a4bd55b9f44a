import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { freeWhileGoingBack } from './free-while-going-back.js';

useTestBackend();

/** Gradients by TensorFlow.js alone, or freed on the way, and the most tensors that stood beside each other. */
function gradientsOf(loss: (xs: readonly tf.Tensor[]) => tf.Scalar, xs: tf.Tensor[], frees: boolean) {
  let most = 0;
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
            most = Math.max(most, tf.memory().numTensors - before);
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
  return { found, most };
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

  it('holds no more on the way back than at its beginning', () => {
    const inputs = xs();
    const mostOf = (count: number, frees: boolean) =>
      gradientsOf(([a]) => layers(a!, count).sum(), inputs.slice(0, 1), frees).most;
    // Without it gradients pile up beside what was saved.
    const growth = (frees: boolean) => mostOf(20, frees) - mostOf(10, frees);
    expect(growth(true)).toBeLessThan(0.6 * growth(false));
    tf.dispose(inputs);
  });
});
