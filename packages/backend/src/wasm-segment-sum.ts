import * as tf from '@tensorflow/tfjs';
import type { WasmKernel } from './wasm-backend.js';

/**
 * Adds the kernel `UnsortedSegmentSum`, which the wasm backend lacks. It is the gradient of `tf.gather`, so without it no embedding can be
 * trained there. `x` is `[items, ...inner]`, `segmentIds` `[items]`, the result `[numSegments, ...inner]`; items whose id is negative or
 * too large count nowhere.
 *
 * @returns a function that removes it, or null if a kernel is there already
 */
export function cureWasmSegmentSum(): (() => void) | null {
  const name = { kernelName: 'UnsortedSegmentSum', backendName: 'wasm' };
  // getKernel would warn on the console about a kernel that is not there.
  if (tf.getKernelsForBackend('wasm').some(({ kernelName }) => kernelName === name.kernelName)) return null;
  tf.registerKernel({ ...name, kernelFunc: unsortedSegmentSum as unknown as tf.KernelFunc });
  return () => tf.unregisterKernel(name.kernelName, name.backendName);
}

const unsortedSegmentSum: WasmKernel = ({ inputs, attrs, backend }) => {
  const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
  const numSegments = Number(attrs['numSegments']);
  tf.util.assert(
    segmentIds.shape.length === 1 && segmentIds.shape[0] === x.shape[0],
    () => `unsortedSegmentSum: segmentIds must be [${x.shape[0]}], got [${segmentIds.shape.join(', ')}]`,
  );
  const inner = tf.util.sizeFromShape(x.shape.slice(1));
  const out = backend.makeOutput([numSegments, ...x.shape.slice(1)], x.dtype);
  // Only now: making the output may have moved the memory that these look at.
  const [sums, values, ids] = [out, x, segmentIds].map((tensor) => backend.typedArrayFromHeap(tensor)) as [
    Float32Array,
    Float32Array,
    Int32Array,
  ];
  sums.fill(0);
  for (let item = 0; item < ids.length; item++) {
    const segment = ids[item]!;
    if (segment < 0 || segment >= numSegments) continue;
    for (let i = 0; i < inner; i++) sums[segment * inner + i]! += values[item * inner + i]!;
  }
  return out;
};
