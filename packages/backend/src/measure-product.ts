import * as tf from '@tensorflow/tfjs';

/** Speed of a square float32 matrix product on the current backend, in 10^9 floating-point operations per second. */
export interface ProductSpeed {
  /** `a · b` */
  readonly plain: number;
  /** `a · bᵀ` */
  readonly transposeB: number;
  /** `aᵀ · b` */
  readonly transposeA: number;
}

/** Times products of `size` × `size` matrices, reading the result back, best of `rounds`. */
export async function measureProduct(size: number, rounds = 4): Promise<ProductSpeed> {
  const a = tf.randomUniform([size, size], -1, 1, 'float32', 1);
  const b = tf.randomUniform([size, size], -1, 1, 'float32', 2);
  const time = async (transposeA: boolean, transposeB: boolean): Promise<number> => {
    let best = Infinity;
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      const product = tf.matMul(a, b, transposeA, transposeB);
      await product.data();
      best = Math.min(best, performance.now() - start);
      product.dispose();
    }
    return (2 * size ** 3) / best / 1e6;
  };
  const speed = {
    plain: await time(false, false),
    transposeB: await time(false, true),
    transposeA: await time(true, false),
  };
  tf.dispose([a, b]);
  return speed;
}
