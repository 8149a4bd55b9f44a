import * as tf from '@tensorflow/tfjs';
import { distanceBucket, distanceRow } from '../architecture/distance-buckets.js';
import { applyNorm } from '../model/apply-norm.js';
import { lookUp } from '../model/look-up.js';
import type { AttentionTerms, DistanceRows, EncoderPass } from './encoder-pass.js';

export const noTerms: AttentionTerms = {};

/** What the family's attention reads of the places of so many tokens, virtual ones among them. */
export function attentionTerms(tokens: number, pass: EncoderPass): AttentionTerms {
  const { distanceBias, distances } = pass.encoder;
  if (distanceBias) return { bias: biasByDistance(tokens, distanceBias.path, distanceBias.rows, pass) };
  return distances ? { distances: distanceRows(tokens, distances.table.path, distances.norm, pass) } : noTerms;
}

function distanceRows(tokens: number, path: string, norm: string | undefined, pass: EncoderPass): DistanceRows {
  const options = pass.config.options!.disentangled!;
  const places = tf.tensor1d(
    Int32Array.from({ length: 2 * tokens + 1 }, (_, index) => distanceRow(tokens - index, options)),
    'int32',
  );
  const rows = lookUp(places.expandDims(0), path, pass);
  return { rows: norm === undefined ? rows : applyNorm(rows, norm, pass), places };
}

/** `[1 or batch, heads, tokens, tokens]` from a table `[buckets, heads]`. */
function biasByDistance(tokens: number, path: string, buckets: number, pass: EncoderPass): tf.Tensor {
  const ids = Int32Array.from({ length: tokens * tokens }, (_, place) =>
    distanceBucket((place % tokens) - Math.floor(place / tokens), buckets),
  );
  const rows = lookUp(tf.tensor2d(ids, [1, ids.length], 'int32'), path, pass);
  return rows.transpose([0, 2, 1]).reshape([rows.shape[0]!, rows.shape[2]!, tokens, tokens]);
}
