import type { Parameters } from '@tfjs-peft/peft-core';
import { getParameter, type ParameterSpec } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { uniform } from './initial-laws.js';

export interface LstmShape {
  /** Names of its parameters begin with this. */
  readonly path: string;
  readonly inputSize: number;
  /** Of each direction. */
  readonly hiddenSize: number;
  readonly layers: number;
}

const directions = ['forward', 'backward'] as const;
type Direction = (typeof directions)[number];

const names = ({ path }: LstmShape, layer: number, direction: Direction) => {
  const start = `${path}.${layer}.${direction}`;
  return {
    input: `${start}.input.weight`,
    inputBias: `${start}.input.bias`,
    hidden: `${start}.hidden.weight`,
    hiddenBias: `${start}.hidden.bias`,
  };
};

/**
 * Raw parameters of a bidirectional LSTM: per layer and direction, weights `[inputs, 4 · hidden]` and `[hidden, 4 · hidden]` with the columns of
 * the input gate, forget gate, candidate and output gate side by side, and two biases as torch has them, all uniform in ±1/√hidden.
 */
export function parametersOfLstm(shape: LstmShape): ParameterSpec[] {
  const { inputSize, hiddenSize, layers } = shape;
  const initial = uniform(hiddenSize);
  return Array.from({ length: layers }, (_, layer) => {
    const inputs = layer === 0 ? inputSize : 2 * hiddenSize;
    return directions.flatMap((direction) => {
      const { input, inputBias, hidden, hiddenBias } = names(shape, layer, direction);
      return [
        { name: input, shape: [inputs, 4 * hiddenSize], initial },
        { name: inputBias, shape: [4 * hiddenSize], initial },
        { name: hidden, shape: [hiddenSize, 4 * hiddenSize], initial },
        { name: hiddenBias, shape: [4 * hiddenSize], initial },
      ];
    });
  }).flat();
}

/** Outputs `[steps, 2 · hidden]` of the last layer for one sequence x `[steps, inputs]`, starting from zero states. Differentiable. */
export function applyLstm(shape: LstmShape, raw: Parameters, x: tf.Tensor2D): tf.Tensor2D {
  let sequence = x;
  for (let layer = 0; layer < shape.layers; layer++)
    sequence = tf.concat(
      directions.map((direction) => runDirection(shape, raw, layer, direction, sequence)),
      1,
    ) as tf.Tensor2D;
  return sequence;
}

/** Hochreiter and Schmidhuber 1997 with forget gates: `c' = f ∘ c + i ∘ g`, `h' = o ∘ tanh(c')`. */
function runDirection(shape: LstmShape, raw: Parameters, layer: number, direction: Direction, x: tf.Tensor2D) {
  const { hiddenSize } = shape;
  const { input, inputBias, hidden, hiddenBias } = names(shape, layer, direction);
  const bias = getParameter(raw, inputBias).add(getParameter(raw, hiddenBias));
  const weight = getParameter(raw, hidden) as tf.Tensor2D;
  const steps = tf.matMul(x, getParameter(raw, input) as tf.Tensor2D).add(bias);
  const gatesOf = tf.split(steps, x.shape[0]) as tf.Tensor2D[];
  let [state, cell] = [tf.zeros([1, hiddenSize]) as tf.Tensor2D, tf.zeros([1, hiddenSize]) as tf.Tensor2D];
  const outputs = inOrder(gatesOf, direction).map((gates) => {
    const [i, f, g, o] = tf.split(gates.add(tf.matMul(state, weight)), 4, 1) as tf.Tensor2D[];
    cell = f!.sigmoid().mul(cell).add(i!.sigmoid().mul(g!.tanh()));
    state = o!.sigmoid().mul(cell.tanh());
    return state;
  });
  return tf.concat(inOrder(outputs, direction), 0);
}

const inOrder = <T>(list: readonly T[], direction: Direction): T[] =>
  direction === 'forward' ? [...list] : [...list].reverse();
