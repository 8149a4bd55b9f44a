import type { KeyValuePrefix } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { maskedSoftmax } from '../kernels/masked-softmax.js';
import { overBatch } from '../kernels/over-batch.js';
import { rotate } from '../kernels/rotary.js';
import { reshaped, scaledBy } from '../kernels/shape-only.js';
import { applyLinear } from '../model/apply-linear.js';
import { normHeads } from '../model/norm-heads.js';
import { dropOut } from '../model/pass.js';
import type { DecoderPass, LayerPast } from './decoder-pass.js';
import type { DecoderLayer } from './describe-decoder.js';

/** What an attention gives: its context in the pass' layout, and the keys and values of all tokens so far. */
export interface Attended {
  readonly context: tf.Tensor;
  readonly present: LayerPast;
}

/**
 * Causal attention of a layer before its output map, x in the pass' layout. Keys and values of earlier passes stand before those of this one,
 * prefixes before them all with open mask columns. Heads of queries that share keys and values are multiplied with them as one longer text.
 */
export function attendCausally(x: tf.Tensor, layer: DecoderLayer, pass: DecoderPass): Attended {
  const { config, layout } = pass;
  const { numAttentionHeads: heads, numKeyValueHeads: groups, headSize } = config;
  const prefixes = pass.interventions.at('keyValuePrefix', layer.attention).map((prefix) => gated(prefix, x, pass));
  const [queries, newKeys, newValues] = project(x, layer, pass) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const [batch, , tokens] = queries.shape as [number, number, number, number];
  const past = pass.past?.layers[layer.layer];
  const present = {
    keys: (past ? tf.concat([past.keys, newKeys], 2) : newKeys) as tf.Tensor4D,
    values: (past ? tf.concat([past.values, newValues], 2) : newValues) as tf.Tensor4D,
  };
  const withPrefixes = (part: 'keys' | 'values') =>
    prefixes.length > 0
      ? tf.concat([...prefixes.map((prefix) => overBatch(prefix[part], 3, batch)), present[part]], 2)
      : present[part];
  const keys = withPrefixes('keys');
  const prefixLength = prefixes.reduce((sum, prefix) => sum + prefix.keys.shape.at(-2)!, 0);
  const length = keys.shape[2]!;
  const perGroup = (heads / groups) * tokens;
  const grouped = reshaped(scaledBy(queries, 1 / Math.sqrt(headSize)), [batch, groups, perGroup, headSize]);
  const scores = reshaped(tf.matMul(grouped, keys, false, true), [batch, heads, tokens, length]);
  const openColumns: [number, number][] = [
    [0, 0],
    [0, 0],
    [0, 0],
    [prefixLength, 0],
  ];
  const weights = maskedSoftmax(scores, prefixLength > 0 ? pass.mask.pad(openColumns) : pass.mask);
  const dropped = dropOut(weights, config.attentionDropout, layer.attention, pass);
  const mixed = tf.matMul(reshaped(dropped, [batch, groups, perGroup, length]), withPrefixes('values'));
  const perHead = reshaped(mixed, [batch, heads, tokens, headSize]);
  const context = reshaped(perHead.transpose([0, 2, 1, 3]), [batch, tokens, heads * headSize]);
  return { context: layout.pack(context), present };
}

/** Keys and values, each multiplied with its gate, one an example, if it has one. */
function gated({ keys, values, gate }: KeyValuePrefix, x: tf.Tensor, pass: DecoderPass) {
  if (!gate) return { keys, values };
  const batch = pass.attentionMask.shape[0];
  const factor = gate(pass.layout.unpack(x), pass.attentionMask).reshape([batch, 1, 1, 1]);
  const times = (part: tf.Tensor) => overBatch(part, 3, batch).mul(factor);
  return { keys: times(keys), values: times(values) };
}

/** Queries, keys and values `[batch, heads, tokens, headSize]`, normalised and rotated where the family does so. */
function project(x: tf.Tensor, { projections, headNorms }: DecoderLayer, pass: DecoderPass): tf.Tensor[] {
  const { config, layout, angles } = pass;
  const { numAttentionHeads, numKeyValueHeads, headSize } = config;
  const counts = [numAttentionHeads, numKeyValueHeads, numKeyValueHeads];
  const results = projections.map(({ path }) => layout.unpack(applyLinear(x, path, pass)));
  const parts =
    results.length === 1
      ? tf.split(
          results[0]!,
          counts.map((count) => count * headSize),
          2,
        )
      : results;
  return parts.map((part, index) => {
    const [batch, tokens] = part.shape as [number, number, number];
    const split = reshaped(part, [batch, tokens, counts[index]!, headSize]);
    const path = index === 0 ? headNorms?.query : index === 1 ? headNorms?.key : undefined;
    const perHead = (path === undefined ? split : normHeads(split, path, pass)).transpose([0, 2, 1, 3]);
    return angles && index < 2 ? rotate(perHead, angles) : perHead;
  });
}
