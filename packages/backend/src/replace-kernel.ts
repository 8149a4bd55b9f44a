import * as tf from '@tensorflow/tfjs';

const cured = Symbol.for('@tfjs-peft/backend/kernel');

/**
 * Replaces the kernel of one backend, keeping its set-up. Marked, so that a second copy of this package does not wrap it again.
 *
 * @param build makes the new kernel function, given the stock one
 * @returns a function that puts the stock kernel back, or null if it was replaced already
 */
export function replaceKernel<Kernel extends (call: never) => unknown>(
  name: string,
  backend: string,
  build: (stock: Kernel) => Kernel,
): (() => void) | null {
  const stock = tf.getKernel(name, backend);
  if (cured in stock.kernelFunc) return null;
  const kernelFunc = Object.assign(build(stock.kernelFunc as unknown as Kernel), {
    [cured]: true,
  }) as unknown as tf.KernelFunc;
  tf.unregisterKernel(name, backend);
  tf.registerKernel({ ...stock, kernelFunc });
  return () => {
    tf.unregisterKernel(name, backend);
    tf.registerKernel(stock);
  };
}
