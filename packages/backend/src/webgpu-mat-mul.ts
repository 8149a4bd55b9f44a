import * as tf from '@tensorflow/tfjs';
import { replaceKernel } from './replace-kernel.js';

interface MatMulCall {
  readonly inputs: { readonly b: tf.TensorInfo };
  readonly attrs: { readonly transposeB?: boolean };
}
type MatMul = (call: MatMulCall) => tf.TensorInfo;

const programFlag = 'WEBGPU_MATMUL_PROGRAM_TYPE';
/** The general program, right for all shapes and flags. */
const packedProgram = 3;
/** Inner dimensions from here on make the backend choose its program that splits them. */
const splitFrom = 2000;

/**
 * Products `a · bᵀ` with a long inner dimension, such as the gradient of a prefix MLP's hidden layer. For few rows the stock backend takes
 * a program that splits the inner dimension and, where the sizes are multiples of 4, reads a transposed b as if it were not: its result
 * has nothing to do with the product. The cure takes the general program for them.
 *
 * @returns a function that puts the stock kernels back, or null if the cure was in place already
 */
export function cureWebgpuMatMul(): (() => void) | null {
  const undo = ['BatchMatMul', '_FusedMatMul'].map((name) => replaceKernel<MatMul>(name, 'webgpu', withoutSplitting));
  return undo.every((restore) => restore === null) ? null : () => undo.forEach((restore) => restore?.());
}

/** `stock`, kept from splitting the inner dimension where b is transposed. */
export const withoutSplitting =
  (stock: MatMul): MatMul =>
  (call) => {
    if (!call.attrs.transposeB || call.inputs.b.shape.at(-1)! < splitFrom) return stock(call);
    const before = tf.env().get(programFlag);
    tf.env().set(programFlag, packedProgram);
    try {
      return stock(call);
    } finally {
      tf.env().set(programFlag, before);
    }
  };
