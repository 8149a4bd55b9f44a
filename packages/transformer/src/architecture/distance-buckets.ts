/** Distances from which on all tokens are in one bucket. */
const farthest = 128;

/**
 * The bucket of the distance from a query to a key (T5, Raffel et al. 2020, arXiv 1910.10683, section 2.1): half of the buckets for each side, half of
 * these for one distance each, the rest for logarithmically growing ones up to 128.
 */
export function distanceBucket(distance: number, buckets: number): number {
  const half = buckets / 2;
  const exact = half / 2;
  const side = distance > 0 ? half : 0;
  const length = Math.abs(distance);
  if (length < exact) return side + length;
  // In float32, as HF computes it: a boundary must fall to the same side.
  const share = Math.fround(Math.fround(Math.log(length / exact)) / Math.log(farthest / exact));
  return side + Math.min(half - 1, exact + Math.trunc(Math.fround(share * (half - exact))));
}
