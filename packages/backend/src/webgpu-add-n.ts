import type * as tf from '@tensorflow/tfjs';
import { replaceKernel } from './replace-kernel.js';

interface AddNCall {
  readonly inputs: readonly tf.TensorInfo[];
  readonly backend: {
    readonly device: { readonly limits: { readonly maxStorageBuffersPerShaderStage: number } };
    disposeData(dataId: object): unknown;
  };
}
type AddN = (call: AddNCall) => tf.TensorInfo;

/**
 * Sums in groups. The stock kernel of WebGPU binds all terms at once; beyond the device's number of storage buffers (8 by default, the result
 * among them) the pipeline is invalid, and the result is garbage with nothing but a line on the console. The norm of the gradients of
 * many parameters is such a sum.
 *
 * @returns a function that puts the stock kernel back, or null if the cure was in place already
 */
export const cureWebgpuAddN = (): (() => void) | null => replaceKernel<AddN>('AddN', 'webgpu', addInGroups);

/** `stock` with at most as many terms a call as the device can bind beside the result; partial sums are freed. */
export const addInGroups =
  (stock: AddN): AddN =>
  ({ inputs, backend }) => {
    const most = backend.device.limits.maxStorageBuffersPerShaderStage - 1;
    let sum = stock({ inputs: inputs.slice(0, most), backend });
    // The sum so far is a term of the next group.
    for (let next = most; next < inputs.length; next += most - 1) {
      const partial = sum;
      sum = stock({ inputs: [partial, ...inputs.slice(next, next + most - 1)], backend });
      backend.disposeData(partial.dataId);
    }
    return sum;
  };
