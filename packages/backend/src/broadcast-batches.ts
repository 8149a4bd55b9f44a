/**
 * For every item of a broadcast batch, in order, the number of the item of the smaller batch that it comes from.
 *
 * @param from batch axes of one factor, such as `[2, 1]`
 * @param to batch axes of the result, such as `[2, 3]` (then the answer is `[0, 0, 0, 1, 1, 1]`)
 */
export function itemOffsets(from: readonly number[], to: readonly number[]): Int32Array {
  const items = to.reduce((product, size) => product * size, 1);
  const offsets = new Int32Array(items);
  const missing = to.length - from.length;
  let stride = 1;
  let repeat = 1;
  for (let axis = to.length - 1; axis >= 0; axis--) {
    const size = to[axis]!;
    const own = from[axis - missing] ?? 1;
    if (own > 1) {
      for (let item = 0; item < items; item++) offsets[item]! += (Math.floor(item / repeat) % size) * stride;
      stride *= own;
    }
    repeat *= size;
  }
  return offsets;
}

/** True if `from` repeated end to end gives the batch `to`: the only broadcast that the stock cpu and wasm products get right. */
export const repeatsEndToEnd = (from: readonly number[], to: readonly number[]): boolean => {
  const ownAxes = from.slice(from.findIndex((size) => size !== 1) >>> 0);
  return ownAxes.every((size, index) => size === to[to.length - ownAxes.length + index]);
};
