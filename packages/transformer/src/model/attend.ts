import * as tf from '@tensorflow/tfjs';
import { applyLinear, linearKinds } from './apply-linear.js';
import { frozenAffine } from './frozen-affine.js';
import { attentionPath } from './list-sites.js';
import { maskedSoftmax } from './masked-softmax.js';
import { overBatch } from './over-batch.js';
import { dropOut, type Pass } from './pass.js';

/**
 * Multi-head attention of a layer before its output map (Vaswani et al. 2017, section 3.2), x `[batch, tokens, hidden]`, mask
 * `[batch, 1, 1, tokens]` (0 open, very negative closed). Prefixes stand before keys and values on the length axis with open mask columns;
 * queries, and so the output's shape, are those of the text.
 */
export function attend(x: tf.Tensor, mask: tf.Tensor, layer: number, pass: Pass): tf.Tensor {
  const path = attentionPath(layer);
  const [batch, tokens, hidden] = x.shape as [number, number, number];
  const heads = pass.config.numAttentionHeads;
  const [queries, textKeys, textValues] = projectHeads(x, layer, pass) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const prefixes = pass.interventions.at('keyValuePrefix', path);
  const length = prefixes.reduce((sum, { keys }) => sum + keys.shape.at(-2)!, 0);
  const join = (before: readonly tf.Tensor[], text: tf.Tensor) =>
    before.length > 0 ? tf.concat([...before.map((part) => overBatch(part, 3, batch)), text], 2) : text;
  const keys = join(
    prefixes.map((prefix) => prefix.keys),
    textKeys,
  );
  const values = join(
    prefixes.map((prefix) => prefix.values),
    textValues,
  );
  const openColumns: [number, number][] = [
    [0, 0],
    [0, 0],
    [0, 0],
    [length, 0],
  ];
  const scaled = queries.mul(1 / Math.sqrt(hidden / heads));
  const scores = tf.matMul(scaled, keys, false, true);
  const weights = maskedSoftmax(scores, length > 0 ? mask.pad(openColumns) : mask);
  const dropped = dropOut(weights, pass.config.attentionDropout, path, pass);
  const perHead = tf.matMul(dropped, values);
  return perHead.transpose([0, 2, 1, 3]).reshape([batch, tokens, hidden]);
}

/** Queries, keys and values `[batch, heads, tokens, headSize]`; one product where nothing acts on a single one. */
function projectHeads(x: tf.Tensor, layer: number, pass: Pass): tf.Tensor[] {
  const [batch, tokens, hidden] = x.shape as [number, number, number];
  const heads = pass.config.numAttentionHeads;
  const split = (projected: tf.Tensor, groups: number) =>
    projected.reshape([batch, tokens, groups * heads, hidden / heads]).transpose([0, 2, 1, 3]);
  const paths = ['query', 'key', 'value'].map((name) => `${attentionPath(layer)}.${name}`);
  if (paths.some((path) => pass.interventions.has(path, ...linearKinds)))
    return paths.map((path) => split(applyLinear(x, path, pass), 1));
  return tf.split(split(frozenAffine(x, pass.weights.queryKeyValue(layer)), 3), 3, 1);
}
