import * as tf from '@tensorflow/tfjs';
import { repeatsEndToEnd } from './broadcast-batches.js';
import { replaceKernel } from './replace-kernel.js';

interface KernelCall {
  readonly inputs: { readonly a: tf.TensorInfo; readonly b: tf.TensorInfo };
  readonly attrs: unknown;
  readonly backend: { disposeIntermediateTensorInfo(tensor: tf.TensorInfo): void };
}

type Kernel = (call: KernelCall) => tf.TensorInfo;

/**
 * Makes `tf.matMul` on the cpu backend broadcast batch axes as NumPy does. The stock kernel takes the smaller batch again from its start
 * whenever it runs out, which gives wrong values, without a word, for `[2, 1, ...]` times `[2, 3, ...]`.
 *
 * @returns a function that puts the stock kernel back, or null if the cure was in place already
 */
export function cureCpuMatMul(): (() => void) | null {
  const tile = tf.getKernel('Tile', 'cpu').kernelFunc as unknown as (call: unknown) => tf.TensorInfo;
  const reshape = tf.getKernel('Reshape', 'cpu').kernelFunc as unknown as (call: unknown) => tf.TensorInfo;
  return replaceKernel('BatchMatMul', 'cpu', (stock: Kernel): Kernel => (call) => {
    const { backend, inputs } = call;
    const batches = [inputs.a, inputs.b].map(({ shape }) => shape.slice(0, -2)) as [number[], number[]];
    const batch = tf.broadcast_util.assertAndGetBroadcastShape(...batches);
    const made: tf.TensorInfo[] = [];
    const expand = (x: tf.TensorInfo, from: number[]): tf.TensorInfo => {
      if (repeatsEndToEnd(from, batch)) return x;
      const ownBatch = [...Array<number>(batch.length - from.length).fill(1), ...from];
      const aligned = reshape({ inputs: { x }, backend, attrs: { shape: [...ownBatch, ...x.shape.slice(-2)] } });
      const reps = [...batch.map((size, axis) => size / ownBatch[axis]!), 1, 1];
      made.push(aligned, tile({ inputs: { x: aligned }, backend, attrs: { reps } }));
      return made.at(-1)!;
    };
    // Two factors that both repeat end to end may still differ from the result's batch.
    const [a, b] = [expand(inputs.a, batches[0]), expand(inputs.b, batches[1])];
    const out = stock({ ...call, inputs: { a, b } });
    for (const tensor of made) backend.disposeIntermediateTensorInfo(tensor);
    return out;
  });
}
