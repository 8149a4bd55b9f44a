import * as tf from '@tensorflow/tfjs';
import { distanceBucket } from '../architecture/distance-buckets.js';
import { lookUp } from './embed-tokens.js';
import type { AttentionTerms, EncoderPass } from './encoder-pass.js';

export const noTerms: AttentionTerms = {};

/** What the family's attention reads of the places of so many tokens, virtual ones among them. */
export function attentionTerms(tokens: number, pass: EncoderPass): AttentionTerms {
  const { distanceBias } = pass.encoder;
  return distanceBias ? { bias: biasByDistance(tokens, distanceBias.path, distanceBias.rows, pass) } : noTerms;
}

/** `[1 or batch, heads, tokens, tokens]` from a table `[buckets, heads]`. */
function biasByDistance(tokens: number, path: string, buckets: number, pass: EncoderPass): tf.Tensor {
  const ids = Int32Array.from({ length: tokens * tokens }, (_, place) =>
    distanceBucket((place % tokens) - Math.floor(place / tokens), buckets),
  );
  const rows = lookUp(tf.tensor2d(ids, [1, ids.length], 'int32'), path, pass);
  return rows.transpose([0, 2, 1]).reshape([rows.shape[0]!, rows.shape[2]!, tokens, tokens]);
}
