import { substream } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type { LinearModule } from '../architecture/encoder.js';
import { overBatch } from '../kernels/over-batch.js';
import { actsAlike, applyLinear } from '../model/apply-linear.js';
import { factorsOfDropout } from '../model/pass.js';
import { paddedLayout } from '../model/token-layout.js';
import type { DistanceRows, EncoderPass } from './encoder-pass.js';

interface Scored {
  /** Queries that are scaled already, `[batch, heads, tokens, headSize]`. */
  readonly scaled: tf.Tensor;
  /** Keys of the text, `[batch, heads, tokens, headSize]`. */
  readonly keys: tf.Tensor;
  readonly distances: DistanceRows;
  readonly layer: number;
  readonly pass: EncoderPass;
}

/**
 * The scores of disentangled attention that depend on distances, `[batch, heads, tokens, tokens]`: queries of words with keys of distances and keys
 * of words with queries of distances (DeBERTa, He et al. 2021, arXiv 2006.03654, equation 4). Distances of a text are a band of a table, so that
 * each part is one product and a shift of its rows.
 */
export function scoreDistances({ scaled, keys, distances, layer, pass }: Scored): tf.Tensor {
  const { key, query } = pass.encoder.layers[layer]!.distanceMaps;
  const headSize = keys.shape.at(-1)!;
  const scale = 1 / Math.sqrt(headSize * (1 + pass.config.options!.disentangled!.parts.length));
  const rows = dropRows(distances, layer, pass);
  const n = rows.shape[1]! - 1;
  const from = (x: tf.Tensor) => x.slice([0, 0, 1, 0], [-1, -1, n, -1]);
  const toKeys = key && shiftRows(timesRows(scaled, from(project(rows, key, pass))));
  // Column i of key j is the distance i - j: the same rows from the other end.
  const backwards = query && from(project(rows, query, pass).reverse(2));
  const toQueries = backwards && shiftRows(timesRows(keys.mul(scale), backwards)).transpose([0, 1, 3, 2]);
  if (toKeys && toQueries) return toKeys.add(toQueries);
  return toKeys ?? toQueries ?? tf.zeros([1, 1, 1, 1]);
}

/** Hidden dropout on the table, as HF has it: a row is dropped for all of its distances. */
function dropRows({ rows, places }: DistanceRows, layer: number, pass: EncoderPass): tf.Tensor {
  const { table } = pass.encoder.distances!;
  const place = `${table.path}.${layer}`;
  const factors = factorsOfDropout([table.rows, table.size], pass.config.hiddenDropout, place, pass);
  return factors ? rows.mul(tf.gather(factors, places)) : rows;
}

/** Rows `[1 or batch, n, hidden]` through a map with what acts on it, `[1 or batch, heads, n, headSize]`; one for all examples where that can be. */
function project(rows: tf.Tensor, { path }: LinearModule, pass: EncoderPass): tf.Tensor {
  const batch = pass.attentionMask.shape[0];
  const isShared = rows.shape[0] === 1 && batch > 1;
  const x = isShared && !actsAlike(path, pass) ? overBatch(rows.squeeze([0]), 2, batch) : rows;
  const [examples, n] = x.shape as [number, number, number];
  const projected = applyLinear(x, path, {
    ...pass,
    layout: paddedLayout,
    attentionMask: tf.ones([examples, n], 'int32'),
    context: apart(pass),
    // Whoever looks on wants to see the text.
    interventions: { ...pass.interventions, at: (kind, at) => (kind === 'tap' ? [] : pass.interventions.at(kind, at)) },
  });
  const heads = pass.config.numAttentionHeads;
  return projected.reshape([examples, n, heads, projected.shape.at(-1)! / heads]).transpose([0, 2, 1, 3]);
}

/** The context with dropout that is not that of the text. */
function apart({ context }: EncoderPass): EncoderPass['context'] {
  if (context.mode !== 'train') return context;
  const { streams } = context;
  return { ...context, streams: { ...streams, dropout: substream(streams.dropout, 'distances') } };
}

/** x `[batch, heads, tokens, headSize]` times rows `[1 or batch, heads, n, headSize]`, `[batch, heads, tokens, n]`. */
function timesRows(x: tf.Tensor, rows: tf.Tensor): tf.Tensor {
  const [batch, heads, tokens, size] = x.shape as [number, number, number, number];
  if (rows.shape[0] === batch) return tf.matMul(x, rows, false, true);
  const n = rows.shape[2]!;
  const byHead = x.transpose([1, 0, 2, 3]).reshape([heads, batch * tokens, size]);
  const products = tf.matMul(byHead, rows.reshape([heads, n, size]), false, true);
  return products.reshape([heads, batch, tokens, n]).transpose([1, 0, 2, 3]);
}

/** `[batch, heads, tokens, 2 · tokens]` to `[batch, heads, tokens, tokens]`: entry j of row i is entry `tokens - 1 + j - i` of that row. */
function shiftRows(x: tf.Tensor): tf.Tensor {
  const [batch, heads, tokens, width] = x.shape as [number, number, number, number];
  const rows = batch * heads;
  return x
    .reshape([rows, tokens * width])
    .slice([0, tokens - 1], [rows, tokens * (width - 1)])
    .reshape([rows, tokens, width - 1])
    .slice([0, 0, 0], [rows, tokens, tokens])
    .reshape([batch, heads, tokens, tokens]);
}
