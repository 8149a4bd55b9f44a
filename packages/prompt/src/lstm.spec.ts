import { describe, expect, it } from '@jest/globals';
import { createStream, initialValues, type NamedArrays, toParameters } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { applyLstm, type LstmShape, parametersOfLstm } from './lstm.js';

useTestBackend();

const shape: LstmShape = { path: 'lstm', inputSize: 3, hiddenSize: 2, layers: 2 };
const arrays = initialValues({ raw: parametersOfLstm(shape), effective: [] }, createStream(3));
const input = Array.from({ length: 4 }, (_, t) => Array.from({ length: 3 }, (_, j) => Math.sin(1 + 3 * t + j)));

/** The same network number by number, in double precision, from the equations alone. */
function reference(parameters: NamedArrays, sequence: number[][]): number[][] {
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const { hiddenSize: h } = shape;
  const run = (layer: number, direction: 'forward' | 'backward', x: number[][]) => {
    const at = (name: string) => parameters.get(`lstm.${layer}.${direction}.${name}`)!.data;
    let [state, cell] = [new Array<number>(h).fill(0), new Array<number>(h).fill(0)];
    const outputs: number[][] = [];
    const order = x.map((_, t) => (direction === 'forward' ? t : x.length - 1 - t));
    for (const t of order) {
      const gate = (column: number) =>
        x[t]!.reduce((sum, value, j) => sum + value * at('input.weight')[j * 4 * h + column]!, 0) +
        state.reduce((sum, value, j) => sum + value * at('hidden.weight')[j * 4 * h + column]!, 0) +
        at('input.bias')[column]! +
        at('hidden.bias')[column]!;
      const next = cell.map((c, k) => sigmoid(gate(h + k)) * c + sigmoid(gate(k)) * Math.tanh(gate(2 * h + k)));
      state = next.map((c, k) => sigmoid(gate(3 * h + k)) * Math.tanh(c));
      cell = next;
      outputs[t] = state;
    }
    return outputs;
  };
  let x = sequence;
  for (let layer = 0; layer < shape.layers; layer++) {
    const [forward, backward] = [run(layer, 'forward', x), run(layer, 'backward', x)];
    x = forward.map((row, t) => [...row, ...backward[t]!]);
  }
  return x;
}

describe('lstm', () => {
  it('computes what the equations say', async () => {
    const output = applyLstm(shape, toParameters(arrays), tf.tensor2d(input));
    expect(output.shape).toEqual([4, 4]);
    const wanted = reference(arrays, input).flat();
    (await output.data()).forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 6));
  });

  it('has the gradients of finite differences, for every parameter and the input', async () => {
    // A weighted sum, so that no two outputs can be exchanged without notice.
    const weights = Array.from({ length: 16 }, (_, i) => Math.cos(i) + 1.5);
    const loss = (parameters: NamedArrays, x: number[][]) =>
      reference(parameters, x)
        .flat()
        .reduce((sum, value, i) => sum + weights[i]! * value, 0);
    const names = [...arrays.keys()];
    const parameters = toParameters(arrays);
    const gradients = tf.grads((x: tf.Tensor, ...tensors: tf.Tensor[]) =>
      applyLstm(shape, new Map(names.map((name, i) => [name, tensors[i]!])), x as tf.Tensor2D)
        .reshape([16])
        .mul(tf.tensor1d(weights))
        .sum(),
    )([tf.tensor2d(input), ...parameters.values()]);
    const step = 2 ** -8;
    const checks = names.flatMap((name, i) =>
      Array.from({ length: arrays.get(name)!.data.length }, (_, at) => {
        const moved = (by: number) => {
          const { shape: size, data } = arrays.get(name)!;
          const copy = Float32Array.from(data);
          copy[at]! += by;
          return { value: loss(new Map([...arrays, [name, { shape: size, data: copy }]]), input), x: copy[at]! };
        };
        const [up, down] = [moved(step), moved(-step)];
        return { tensor: gradients[i + 1]!, at, wanted: (up.value - down.value) / (up.x - down.x) };
      }),
    );
    for (const [t, row] of input.entries())
      for (const j of row.keys()) {
        const moved = (by: number) =>
          loss(
            arrays,
            input.map((other, s) => other.map((value, k) => (s === t && k === j ? value + by : value))),
          );
        checks.push({ tensor: gradients[0]!, at: t * 3 + j, wanted: (moved(step) - moved(-step)) / (2 * step) });
      }
    // Layer 0: 2 directions × (3·8 + 8 + 2·8 + 8), layer 1 has 4 inputs, and 12 numbers of input.
    expect(checks).toHaveLength(112 + 128 + 12);
    for (const { tensor, at, wanted } of checks) expect((await tensor.data())[at]).toBeCloseTo(wanted, 3);
  });
});
