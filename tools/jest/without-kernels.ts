import * as tf from '@tensorflow/tfjs';

/** Runs `compute` as if the backend lacked these kernels. */
export function withoutKernels<T>(names: readonly string[], compute: () => T): T {
  const backend = tf.getBackend();
  const kernels = names.map((name) => tf.getKernel(name, backend)).filter((kernel) => kernel !== undefined);
  for (const { kernelName } of kernels) tf.unregisterKernel(kernelName, backend);
  try {
    return compute();
  } finally {
    for (const kernel of kernels) tf.registerKernel(kernel);
  }
}
