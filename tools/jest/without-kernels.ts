import * as tf from '@tensorflow/tfjs';

/** Runs `compute` as if the native backend lacked these kernels. */
export function withoutKernels<T>(names: readonly string[], compute: () => T): T {
  const kernels = names.map((name) => tf.getKernel(name, 'tensorflow')).filter((kernel) => kernel !== undefined);
  for (const { kernelName } of kernels) tf.unregisterKernel(kernelName, 'tensorflow');
  try {
    return compute();
  } finally {
    for (const kernel of kernels) tf.registerKernel(kernel);
  }
}
