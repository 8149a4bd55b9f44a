import * as tf from '@tensorflow/tfjs';
import { hasFusedKernels } from './native-kernels.js';

/**
 * A delta `scale · down · up` of columns of an affine map's result: down `[input, rank]`, up `[rank, width]`. With a core `[input, rank²]` the matrix
 * `x · core` of each token stands between them.
 */
export interface LowRankColumns {
  readonly down: tf.Tensor;
  readonly core?: tf.Tensor;
  readonly up: tf.Tensor;
  readonly scale: number;
  /** Where its columns start. */
  readonly column: number;
}

/** Whether there is one kernel for all deltas of a map. */
export const hasFusedLowRank = (): boolean =>
  hasFusedKernels() && tf.getKernel('TfjsPeftLowRank', tf.getBackend()) !== undefined;

/**
 * `y + x · deltas` for x `[…, input]` and y `[…, output]`, with its gradient in x, y and all factors, each one call. The same numbers as one
 * product after the other but for rounding.
 */
export function fusedLowRank(x: tf.Tensor, y: tf.Tensor, given: readonly LowRankColumns[]): tf.Tensor {
  // The kernel wants those with a core last.
  const deltas = [...given.filter(({ core }) => !core), ...given.filter(({ core }) => core)];
  const cores = deltas.flatMap(({ core }) => core ?? []);
  const [count, dynamic] = [deltas.length, cores.length];
  const places = () => [
    tf.tensor1d(
      deltas.map(({ column }) => column),
      'int32',
    ),
    tf.tensor1d(deltas.map(({ scale }) => scale)),
  ];
  const run = (name: string, inputs: readonly tf.Tensor[]) =>
    tf.engine().runKernel(name, inputs as unknown as tf.NamedTensorMap, { count, dynamic }) as tf.Tensor[];
  const add = tf.customGrad((...inputs) => {
    const save = inputs.at(-1) as tf.GradSaveFunc;
    const [states, result, ...factors] = inputs.slice(0, -1) as [tf.Tensor, tf.Tensor, ...tf.Tensor[]];
    const [sum, narrow] = run('TfjsPeftLowRank', [states, result, ...factors, ...places()]);
    save([states, narrow!, ...factors]);
    const gradFunc = (dy: tf.Tensor, [savedStates, savedNarrow, ...saved]: tf.Tensor[]) => {
      const gradients = [savedStates!, dy, savedNarrow!, ...saved, ...places()];
      const [dx, ...dFactors] = run('TfjsPeftLowRankGradient', gradients);
      // A copy, which costs nothing: what stands for two tensors is freed at the end alone.
      return [dx!, dy.clone(), ...dFactors];
    };
    return { value: sum!, gradFunc };
  });
  return add(x, y, ...deltas.map(({ down }) => down), ...deltas.map(({ up }) => up), ...cores);
}
