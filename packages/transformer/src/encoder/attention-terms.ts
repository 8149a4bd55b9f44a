import * as tf from '@tensorflow/tfjs';
import { distanceBucket, distanceRow } from '../architecture/distance-buckets.js';
import type { RotaryLayer } from '../architecture/family.js';
import { additiveMask } from '../kernels/masked-softmax.js';
import { rotaryAngles } from '../kernels/rotary.js';
import { applyNorm } from '../model/apply-norm.js';
import { lookUp } from '../model/look-up.js';
import type { AttentionTerms, DistanceRows, EncoderPass } from './encoder-pass.js';

export const noTerms: AttentionTerms = {};

/** What the family's attention reads of the places of so many tokens, virtual ones among them. */
export function attentionTerms(tokens: number, pass: EncoderPass): AttentionTerms {
  const { distanceBias, distances } = pass.encoder;
  if (distanceBias) return { bias: biasByDistance(tokens, distanceBias.path, distanceBias.rows, pass) };
  if (distances) return { distances: distanceRows(tokens, distances.table.path, distances.norm, pass) };
  const { rotary } = pass.config.options ?? {};
  return rotary ? rotaryTerms(tokens, rotary, pass) : noTerms;
}

/** Angles and windows by layer; layers that are alike share them. Prefixes that shift positions turn queries and keys of the text further. */
function rotaryTerms(tokens: number, layers: readonly RotaryLayer[], pass: EncoderPass): AttentionTerms {
  const { hiddenSize, numAttentionHeads } = pass.config;
  const { positionOffset: offset } = pass.interventions;
  const places = tf.range(offset, offset + tokens, 1, 'int32').expandDims<tf.Tensor2D>(0);
  const angles = remembered((base: number) => rotaryAngles(places, hiddenSize / numAttentionHeads, base));
  const windows = remembered((reach: number) => {
    const distance = places.transpose().sub(places).abs();
    return additiveMask(distance.lessEqual(tf.scalar(reach, 'int32')) as tf.Tensor2D).reshape([1, 1, tokens, tokens]);
  });
  return {
    angles: layers.map(({ base }) => angles(base)),
    windows: layers.map(({ window }) => (window === undefined || window >= tokens ? undefined : windows(window))),
  };
}

function remembered<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
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
