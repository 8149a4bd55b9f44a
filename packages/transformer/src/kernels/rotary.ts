import * as tf from '@tensorflow/tfjs';
import { hasFusedKernels, nativeRotate } from './native-kernels.js';

/** Cosines and sines of the angles of positions, each `[1 or batch, 1, tokens, headSize]`. */
export interface RotaryAngles {
  readonly cosines: tf.Tensor;
  readonly sines: tf.Tensor;
}

/**
 * The angles of positions `[1 or batch, tokens]` int32 (Su et al. 2021, arXiv 2104.09864, equation 15): position times base^(-2i / headSize) for the i-th
 * pair of numbers, pairs being half a head apart, as in HF transformers.
 */
export function rotaryAngles(positions: tf.Tensor2D, headSize: number, base: number): RotaryAngles {
  const frequencies = Float32Array.from({ length: headSize / 2 }, (_, i) => 1 / base ** ((2 * i) / headSize));
  const [rows, tokens] = positions.shape;
  const half = positions
    .toFloat()
    .reshape([rows, 1, tokens, 1])
    .mul(tf.tensor(frequencies, [1, 1, 1, headSize / 2]));
  const angles = tf.concat([half, half], 3);
  return { cosines: angles.cos(), sines: angles.sin() };
}

/** Each pair of numbers of x `[batch, heads, tokens, headSize]` turned by its angle; shape kept, differentiable in x. */
export function rotate(x: tf.Tensor, { cosines, sines }: RotaryAngles): tf.Tensor {
  return tf.customGrad((input, save) => {
    (save as tf.GradSaveFunc)([cosines, sines]);
    // The gradient of a rotation is the rotation back.
    const gradFunc = (dy: tf.Tensor, [cos, sin]: tf.Tensor[]) => turn(dy, cos!, sin!, true);
    return { value: turn(input as tf.Tensor, cosines, sines, false), gradFunc };
  })(x);
}

function turn(x: tf.Tensor, cosines: tf.Tensor, sines: tf.Tensor, back: boolean): tf.Tensor {
  if (hasFusedKernels()) return nativeRotate(x, cosines, sines, back);
  return tf.tidy(() => {
    const [first, second] = tf.split(x, 2, 3) as [tf.Tensor, tf.Tensor];
    const [left, right] = back ? [second, first.neg()] : [second.neg(), first];
    return x.mul(cosines).add(tf.concat([left, right], 3).mul(sines));
  });
}
