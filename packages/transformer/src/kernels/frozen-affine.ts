import * as tf from '@tensorflow/tfjs';
import { hasFusedKernels, nativeAffine, nativePack, notGiven, type PackedKernel } from './native-kernels.js';

/** Frozen weights of an affine map: kernel `[input, output]`, bias `[output]`. */
export interface AffineWeights {
  /** `[input, output]`. */
  readonly shape: readonly [number, number];
  /** The kernel itself, which stays from then on; unpacked if it was let go. */
  readonly kernel: tf.Tensor2D;
  /** Absent in maps without one. */
  readonly bias: tf.Tensor1D | undefined;
  /** The kernel as `[output, input]`, made once at the first call and kept. */
  transposed(): tf.Tensor2D;
  /** What the fused kernels of the current backend take, packed once for each direction and kept; only where they are. */
  operands(direction: Direction): PackedKernel;
  /** Frees the copies; kernel and bias belong to whoever made them. */
  disposeCopies(): void;
}

type Direction = 'forward' | 'backward';

/** Whoever owns a kernel and can do without it while it is there in another form. */
export interface KernelOwner {
  /** Frees the kernel, unless somebody has asked for it. */
  letGo(): boolean;
  /** Owns it again. */
  takeBack(kernel: tf.Tensor2D): void;
}

/**
 * Weights with their copies. Where a packed kernel does all the work the owner lets the plain one go, so that it does not stand in memory twice.
 */
export function affineWeights(
  given: tf.Tensor2D,
  bias: tf.Tensor1D | undefined,
  owner: KernelOwner = { letGo: () => false, takeBack: () => undefined },
): AffineWeights {
  const { shape } = given;
  let plain: tf.Tensor2D | undefined = given;
  let isWanted = false;
  let transposed: tf.Tensor2D | undefined;
  let sizes: tf.Tensor | undefined;
  const packed = new Map<string, tf.Tensor>();

  const wanted = (): tf.Tensor2D => {
    isWanted = true;
    if (!plain) owner.takeBack((plain = tf.keep(unpacked())));
    return plain;
  };
  const unpacked = () => {
    const [, forward] = [...packed].find(([key, { size }]) => key.endsWith('forward') && size > 0)!;
    return unpack(forward, shape);
  };
  const pack = (direction: Direction): tf.Tensor => {
    if (plain) return nativePack(plain, direction === 'backward');
    const made = tf.tidy(() => nativePack(unpacked(), direction === 'backward'));
    // Without a packed one every product needs the kernel itself.
    if (made.size === 0) wanted();
    return made;
  };
  return {
    shape,
    bias,
    get kernel() {
      return wanted();
    },
    transposed: () => (transposed ??= tf.keep(wanted().transpose() as tf.Tensor2D)),
    operands(direction) {
      // Each backend packs in its own way.
      const key = `${tf.getBackend()} ${direction}`;
      const found = packed.get(key) ?? tf.keep(pack(direction));
      packed.set(key, found);
      if (plain && !isWanted && direction === 'forward' && found.size > 0 && owner.letGo()) plain = undefined;
      sizes ??= plain ? undefined : tf.keep(tf.tensor([], [...shape, 0]));
      return { kernel: plain ?? sizes!, packed: found };
    },
    disposeCopies() {
      tf.dispose([transposed, sizes, ...packed.values()]);
      transposed = undefined;
      sizes = undefined;
      packed.clear();
    },
  };
}

/** The kernel `[input, output]` of one that is packed in panels of its columns, `[panels, input, columns]`. */
const unpack = (packed: tf.Tensor, [inputs, outputs]: readonly [number, number]): tf.Tensor2D =>
  tf.tidy(() => packed.transpose([1, 0, 2]).reshape([inputs, -1]).slice([0, 0], [inputs, outputs])) as tf.Tensor2D;

/** The bias, zeros where there is none. */
export const biasOrZeros = ({ shape, bias }: AffineWeights): tf.Tensor1D => bias ?? tf.zeros([shape[1]]);

/**
 * `y = x · kernel + bias` for x `[…, input]`, result `[…, output]`. Differentiable in x alone: the weights are constants, so that no
 * gradient of theirs is ever computed, and neither x nor y is kept for the backward pass.
 */
export function frozenAffine(x: tf.Tensor, weights: AffineWeights, withBias = true): tf.Tensor {
  const [inputSize, outputSize] = weights.shape;
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
  const { bias } = weights;
  return tf.customGrad((input) => ({
    value: tf.tidy(() =>
      nativeAffine(input as tf.Tensor, weights.operands('forward'), withBias && bias ? bias : notGiven()),
    ),
    gradFunc: (dy: tf.Tensor) => tf.tidy(() => nativeAffine(dy, weights.operands('backward'), notGiven(), true)),
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
