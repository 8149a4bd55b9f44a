import * as tf from '@tensorflow/tfjs';

/** Points shorter than this, squared, count as zero. The square of it, which the gradient divides by, is still a number in float32. */
const shortest = 1e-18;

/**
 * Squared cosine `<a,b>² / (|a|² |b|²)` of two points given as lists of tensors, all flattened into one vector each; in [0, 1], scalar
 * (Wortsman et al. 2021, arXiv 2102.10472). Points shorter than 1e-9 count as zero: cosine 0, gradient 0. One node on the tape, with
 * d/da = 2 <a,b> / (|a|² |b|²) · (b - <a,b> / |a|² · a).
 */
export function squaredCosine(a: readonly tf.Tensor[], b: readonly tf.Tensor[]): tf.Scalar {
  const cosine = tf.customGrad((...inputs) => {
    const save = inputs.at(-1) as tf.GradSaveFunc;
    const points = inputs.slice(0, -1) as tf.Tensor[];
    const [first, second] = [points.slice(0, a.length), points.slice(a.length)];
    const product = dot(first, second);
    const [firstLength, secondLength] = [first, second].map((point) => tf.maximum(dot(point, point), shortest));
    save([product, firstLength!, secondLength!, ...points]);
    return { value: product.div(firstLength!).mul(product.div(secondLength!)), gradFunc: gradients };
  });
  return cosine(...a, ...b) as tf.Scalar;
}

/** Of two points. */
function dot(x: readonly tf.Tensor[], y: readonly tf.Tensor[]): tf.Tensor {
  if (!tf.getKernel('TfjsPeftDot', tf.getBackend())) return tf.addN(x.map((tensor, i) => tensor.mul(y[i]!).sum()));
  return runOnLists('TfjsPeftDot', [...x, ...y], x.length)[0]!;
}

/** `x · ofX - y · ofY`, tensor by tensor. */
function difference(x: readonly tf.Tensor[], ofX: tf.Tensor, y: readonly tf.Tensor[], ofY: tf.Tensor): tf.Tensor[] {
  if (!tf.getKernel('TfjsPeftDifference', tf.getBackend()))
    return x.map((tensor, i) => tensor.mul(ofX).sub(y[i]!.mul(ofY)));
  return runOnLists('TfjsPeftDifference', [...x, ...y, ofX, ofY], x.length);
}

/** A fused kernel of the backend on lists of `count` tensors. */
const runOnLists = (name: string, tensors: readonly tf.Tensor[], count: number): tf.Tensor[] =>
  tf.engine().runKernel(name, tensors as unknown as tf.NamedTensorMap, { count }) as tf.Tensor[];

function gradients(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
  const [product, firstLength, secondLength, ...points] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
  const [first, second] = [points.slice(0, points.length / 2), points.slice(points.length / 2)];
  // One length after the other: the product of both may be too small for float32.
  const towards = product.div(firstLength).div(secondLength).mul(dy.mul(2));
  const along = (point: readonly tf.Tensor[], other: readonly tf.Tensor[], length: tf.Tensor) => {
    const isLong = length.greater(shortest).cast('float32');
    const back = towards.mul(product.div(length)).mul(isLong);
    return difference(other, towards, point, back);
  };
  return [...along(first, second, firstLength), ...along(second, first, secondLength)];
}
