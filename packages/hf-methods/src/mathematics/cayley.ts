import * as tf from '@tensorflow/tfjs';

/** Enough for matrices of which the largest sums of a row's and of a column's magnitudes have a product of up to a million. */
const iterations = 24;

/**
 * Inverses of `[count, size, size]` by the Newton-Schulz iteration `X ← X(2I − AX)` from `Aᵀ / (‖A‖₁ ‖A‖∞)` (Ben-Israel 1965): products of
 * matrices alone, which every backend has. Meant for `I + Q` with Q skew-symmetric, whose singular values are at least 1.
 */
const inverse: (matrices: tf.Tensor) => tf.Tensor = tf.customGrad((matrices, save) => {
  const a = matrices as tf.Tensor;
  const value = tf.tidy(() => {
    const magnitudes = a.abs();
    const norms = magnitudes.sum(-1, true).max(-2, true).mul(magnitudes.sum(-2, true).max(-1, true));
    const two = identity(a).mul(2);
    let x = a.transpose([0, 2, 1]).div(norms);
    for (let i = 0; i < iterations; i++) x = tf.matMul(x, two.sub(tf.matMul(a, x)));
    return x;
  });
  (save as tf.GradSaveFunc)([value]);
  return {
    value,
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const transposed = saved[0]!.transpose([0, 2, 1]);
      return tf.matMul(tf.matMul(transposed, dy), transposed).neg();
    },
  };
});

/** `[1, size, size]` for matrices `[count, size, size]`. */
const identity = (matrices: tf.Tensor): tf.Tensor => tf.eye(matrices.shape.at(-1)!).expandDims(0);

/** Rotations from skew-symmetric matrices, `(I − Q)(I + Q)⁻¹` (Cayley 1846); `[count, size, size]` in and out. */
export const cayley = (skew: tf.Tensor): tf.Tensor =>
  tf.matMul(identity(skew).sub(skew), inverse(identity(skew).add(skew)));

/**
 * The same up to a power of Q: `I + 2Q + 2Q² + … + 2Qʰ⁻¹ + Qʰ`, HF peft's `num_cayley_neumann_terms`. Three and four terms are one to it.
 */
export function cayleyNeumann(skew: tf.Tensor, terms: number): tf.Tensor {
  const start = identity(skew).tile([skew.shape[0]!, 1, 1]);
  if (terms === 1) return start;
  let sum = start.add(skew.mul(2));
  if (terms === 2) return sum;
  let power = skew;
  const highest = Math.max(3, terms - 1);
  for (let exponent = 2; exponent <= highest; exponent++) {
    power = tf.matMul(power, skew);
    sum = sum.add(exponent === highest ? power : power.mul(2));
  }
  return sum;
}

/** Skew-symmetric matrices from the numbers above their diagonals, row by row: `[count, size(size − 1)/2]` to `[count, size, size]`. */
export function skewFromVector(above: tf.Tensor, size: number): tf.Tensor {
  const numbers = above.shape[1]!;
  const places = new Int32Array(size * size).fill(2 * numbers);
  let next = 0;
  for (let row = 0; row < size; row++)
    for (let column = row + 1; column < size; column++) {
      places[row * size + column] = next;
      places[column * size + row] = numbers + next++;
    }
  const signed = tf.concat([above, above.neg(), tf.zeros([above.shape[0]!, 1])], 1);
  return tf.gather(signed, tf.tensor1d(places, 'int32'), 1).reshape([-1, size, size]);
}

/** A weight `[inputs, outputs]` with each block of its rows rotated by a matrix of `[count, size, size]`. */
export function rotateRows(weight: tf.Tensor, rotations: tf.Tensor): tf.Tensor {
  const [count = 1, size = 1] = rotations.shape;
  return tf.matMul(rotations, weight.reshape([count, size, -1])).reshape(weight.shape);
}
