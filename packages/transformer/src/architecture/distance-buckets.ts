import type { DisentangledOptions } from './family.js';

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

/**
 * The row of a distance in DeBERTa's table: the distance itself, cut to the table, or its bucket, exact up to half of the span and logarithmic beyond
 * it (arXiv 2111.09543; HF's `make_log_bucket_position`).
 */
export function distanceRow(distance: number, { span, farthest }: DisentangledOptions): number {
  const bucket = farthest === undefined ? distance : logBucket(distance, span, farthest);
  return Math.min(2 * span - 1, Math.max(0, bucket + span));
}

function logBucket(distance: number, span: number, farthest: number): number {
  const middle = Math.floor(span / 2);
  const length = Math.abs(distance);
  if (length <= middle) return distance;
  // In float32, as HF computes it: a boundary must fall to the same side.
  const { fround, log } = Math;
  const share = fround(fround(log(fround(length / middle))) / fround(log(fround((farthest - 1) / middle))));
  return Math.sign(distance) * (Math.ceil(fround(share * (middle - 1))) + middle);
}
