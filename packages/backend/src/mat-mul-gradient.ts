import * as tf from '@tensorflow/tfjs';

const cured = Symbol.for('@tfjs-peft/backend/mat-mul-gradient');

/**
 * Replaces the gradient of `tf.matMul`. The stock one throws as soon as the batch axes of the factors differ ("The gradient of input 'b' has
 * shape ..."); this one sums over the axes that were broadcast, and computes the gradient of a matrix shared by a whole batch as one
 * product. For equal batch axes it makes the very calls of the stock gradient, so results there are the same bits.
 *
 * @returns a function that puts the stock gradient back, or null if the cure was in place already
 */
export function cureMatMulGradient(): (() => void) | null {
  const stock = tf.getGradient('BatchMatMul');
  if (!stock || cured in stock) return null;
  const config: tf.GradConfig = {
    ...stock,
    [cured as unknown as string]: true,
    gradFunc: (dy, saved, attributes) => {
      const [a, b] = saved as [tf.Tensor, tf.Tensor];
      const { transposeA, transposeB } = attributes as { transposeA: boolean; transposeB: boolean };
      return factorGradients(dy as tf.Tensor, a, b, Boolean(transposeA), Boolean(transposeB));
    },
  };
  tf.unregisterGradient('BatchMatMul');
  tf.registerGradient(config);
  return () => {
    tf.unregisterGradient('BatchMatMul');
    tf.registerGradient(stock);
  };
}

/** `dy` is `[...batch, rows, columns]`; the gradients have the shapes of `a` and `b`. */
function factorGradients(dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor, transposeA: boolean, transposeB: boolean) {
  const shared = batchSize(b) === 1 && batchSize(a) > 1 && !transposeA;
  // One matrix for a whole batch: the batch is more rows of the same product.
  const [dyFlat, aFlat, bFlat] = shared ? [asMatrix(dy), asMatrix(a), asMatrix(b)] : [dy, a, b];
  const product = (x: tf.Tensor, y: tf.Tensor, flipX: boolean, flipY: boolean, like: tf.Tensor) =>
    sumToShape(tf.matMul(x, y, flipX, flipY), like.shape);
  return {
    a: () => (transposeA ? product(bFlat, dyFlat, transposeB, true, a) : product(dyFlat, bFlat, false, !transposeB, a)),
    b: () => (transposeB ? product(dyFlat, aFlat, true, transposeA, b) : product(aFlat, dyFlat, !transposeA, false, b)),
  };
}

/** Sums `x` over the batch axes that `shape` lacks or has as 1. */
function sumToShape(x: tf.Tensor, shape: number[]): tf.Tensor {
  if (x.size === tf.util.sizeFromShape(shape)) return tf.util.arraysEqual(x.shape, shape) ? x : x.reshape(shape);
  const extra = x.rank - shape.length;
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis < extra || shape[axis - extra] === 1);
  return x.sum(axes.filter((axis) => x.shape[axis] !== 1)).reshape(shape);
}

const batchSize = (x: tf.Tensor): number => tf.util.sizeFromShape(x.shape.slice(0, -2));

const asMatrix = (x: tf.Tensor): tf.Tensor => (x.rank === 2 ? x : x.reshape([-1, x.shape.at(-1)!]));
