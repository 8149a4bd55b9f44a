import * as tf from '@tensorflow/tfjs';
import { hasFusedKernels, nativeAffine, nativePack, notGiven } from './native-kernels.js';

/** Frozen weights of an affine map: kernel `[input, output]`, bias `[output]`. */
export interface AffineWeights {
  readonly kernel: tf.Tensor2D;
  /** Absent in maps without one. */
  readonly bias: tf.Tensor1D | undefined;
  /** The kernel as `[output, input]`, made once at the first call and kept. */
  transposed(): tf.Tensor2D;
  /** The kernel, or its transpose, packed for the fused kernels of the current backend, made once for each and kept; only where they are. */
  packed(direction: 'forward' | 'backward'): tf.Tensor;
  /** Frees the copies; kernel and bias belong to whoever made them. */
  disposeCopies(): void;
}

export function affineWeights(kernel: tf.Tensor2D, bias: tf.Tensor1D | undefined): AffineWeights {
  let transposed: tf.Tensor2D | undefined;
  const packed = new Map<string, tf.Tensor>();
  return {
    kernel,
    bias,
    transposed: () => (transposed ??= tf.keep(kernel.transpose() as tf.Tensor2D)),
    packed(direction) {
      // Each backend packs in its own way.
      const key = `${tf.getBackend()} ${direction}`;
      const found = packed.get(key) ?? tf.keep(nativePack(kernel, direction === 'backward'));
      packed.set(key, found);
      return found;
    },
    disposeCopies() {
      tf.dispose([transposed, ...packed.values()]);
      transposed = undefined;
      packed.clear();
    },
  };
}

/** The bias, zeros where there is none. */
export const biasOrZeros = ({ kernel, bias }: AffineWeights): tf.Tensor1D => bias ?? tf.zeros([kernel.shape[1]]);

/**
 * `y = x · kernel + bias` for x `[…, input]`, result `[…, output]`. Differentiable in x alone: the weights are constants, so that no
 * gradient of theirs is ever computed, and neither x nor y is kept for the backward pass.
 */
export function frozenAffine(x: tf.Tensor, weights: AffineWeights, withBias = true): tf.Tensor {
  const [inputSize, outputSize] = weights.kernel.shape;
  if (hasFusedKernels()) return fusedAffine(x, weights, withBias);
  return tf.customGrad((input) => {
    const shape = (input as tf.Tensor).shape;
    const lead = shape.slice(0, -1);
    const rows = (input as tf.Tensor).reshape([-1, inputSize]) as tf.Tensor2D;
    const value = tf.fused.matMul({ a: rows, b: weights.kernel, bias: withBias ? weights.bias : undefined });
    return {
      value: value.reshape([...lead, outputSize]),
      gradFunc: (dy: tf.Tensor) =>
        tf.tidy(() => timesTransposedKernel(dy.reshape([-1, outputSize]) as tf.Tensor2D, weights).reshape(shape)),
    };
  })(x);
}

function fusedAffine(x: tf.Tensor, weights: AffineWeights, withBias: boolean): tf.Tensor {
  const { kernel, bias } = weights;
  return tf.customGrad((input) => ({
    value: tf.tidy(() =>
      nativeAffine(input as tf.Tensor, kernel, withBias && bias ? bias : notGiven(), weights.packed('forward')),
    ),
    gradFunc: (dy: tf.Tensor) => tf.tidy(() => nativeAffine(dy, kernel, notGiven(), weights.packed('backward'), true)),
  }))(x);
}

/**
 * `rows · kernelᵀ`. The WebAssembly matrix product is some ten times slower with a transpose flag, so there a transposed copy is kept; other
 * backends transpose on the way at no cost.
 */
export const timesTransposedKernel = (rows: tf.Tensor2D, weights: AffineWeights): tf.Tensor2D =>
  tf.getBackend() === 'wasm' ? tf.matMul(rows, weights.transposed()) : tf.matMul(rows, weights.kernel, false, true);

/** The same for a matrix `[input, output]` that is used once. */
export const timesTransposed = (rows: tf.Tensor2D, matrix: tf.Tensor2D): tf.Tensor2D =>
  tf.getBackend() === 'wasm' ? tf.matMul(rows, matrix.transpose<tf.Tensor2D>()) : tf.matMul(rows, matrix, false, true);
