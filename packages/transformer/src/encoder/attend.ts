import type { KeyValuePrefix } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { applyLinear } from '../model/apply-linear.js';
import { applySideBySide, canChangeSideBySide } from '../model/change-side-by-side.js';
import { fusedAttention, type KeyValues } from '../kernels/fused-attention.js';
import { maskedSoftmax } from '../kernels/masked-softmax.js';
import { hasFusedKernels } from '../kernels/native-kernels.js';
import { rotate } from '../kernels/rotary.js';
import { overBatch } from '../kernels/over-batch.js';
import { dropOut, factorsOfDropout } from '../model/pass.js';
import { noTerms } from './attention-terms.js';
import type { EncoderPass } from './encoder-pass.js';
import { scoreDistances } from './score-distances.js';

/**
 * Multi-head attention of a layer before its output map (Vaswani et al. 2017, section 3.2), x in the pass' layout, mask
 * `[batch, 1, 1, tokens]` (0 open, very negative closed). Prefixes stand before keys and values on the length axis with open mask columns;
 * queries, and so the output's shape, are those of the text. Only here the tokens of a text must stand together.
 */
export function attend(x: tf.Tensor, mask: tf.Tensor, layer: number, pass: EncoderPass): tf.Tensor {
  const { attention: path } = pass.encoder.layers[layer]!;
  const prefixes = pass.interventions.at('keyValuePrefix', path).map((prefix) => gated(prefix, x, pass));
  const { pack, unpack } = pass.layout;
  const queryKeyValue = unpack(project(x, layer, pass));
  const fused = hasFusedKernels() && pass.terms === noTerms;
  return pack((fused ? attendFused : attendPortable)({ queryKeyValue, mask, prefixes, layer, path, pass }));
}

interface Attention {
  /** Side by side `[batch, tokens, 3 · hidden]`. */
  readonly queryKeyValue: tf.Tensor;
  readonly mask: tf.Tensor;
  readonly prefixes: readonly KeyValues[];
  readonly layer: number;
  readonly path: string;
  readonly pass: EncoderPass;
}

/** Keys and values, each multiplied with its gate, one an example, if it has one. */
function gated({ keys, values, gate }: KeyValuePrefix, x: tf.Tensor, pass: EncoderPass): KeyValues {
  if (!gate) return { keys, values };
  const batch = pass.attentionMask.shape[0];
  const factor = gate(pass.layout.unpack(x), pass.attentionMask).reshape([batch, 1, 1, 1]);
  const times = (part: tf.Tensor) => overBatch(part, 3, batch).mul(factor);
  return { keys: times(keys), values: times(values) };
}

function attendFused({ queryKeyValue, mask, prefixes, path, pass }: Attention): tf.Tensor {
  const [batch, tokens] = queryKeyValue.shape as [number, number, number];
  const { numAttentionHeads: heads, attentionDropout } = pass.config;
  const length = prefixes.reduce((sum, { keys }) => sum + keys.shape.at(-2)!, tokens);
  const dropout = factorsOfDropout([batch, heads, tokens, length], attentionDropout, path, pass);
  return fusedAttention(queryKeyValue, prefixes, mask, heads, dropout);
}

function attendPortable({ queryKeyValue, mask, prefixes, layer, path, pass }: Attention): tf.Tensor {
  const heads = pass.config.numAttentionHeads;
  const [ownQueries, ownKeys, textValues] = splitHeads(queryKeyValue, heads) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const angles = pass.terms.angles?.[layer];
  const [queries, textKeys] = angles ? [rotate(ownQueries, angles), rotate(ownKeys, angles)] : [ownQueries, ownKeys];
  const window = pass.terms.windows?.[layer];
  const [batch, , tokens, headSize] = queries.shape as [number, number, number, number];
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
  // Prefixes have no place in the text: what depends on places leaves their scores as they are.
  const forPrefixes = (x: tf.Tensor) =>
    length > 0
      ? x.pad([
          [0, 0],
          [0, 0],
          [0, 0],
          [length, 0],
        ])
      : x;
  const { bias, distances } = pass.terms;
  const parts = pass.config.options?.disentangled?.parts ?? [];
  const scaled = queries.mul(1 / Math.sqrt(headSize * (1 + parts.length)));
  const products = tf.matMul(scaled, keys, false, true);
  const ofPlaces = distances ? scoreDistances({ scaled, keys: textKeys, distances, layer, pass }) : bias;
  const scores = ofPlaces ? products.add(forPrefixes(ofPlaces)) : products;
  const weights = maskedSoftmax(scores, forPrefixes(window ? mask.add(window) : mask));
  const dropped = dropOut(weights, pass.config.attentionDropout, path, pass);
  const perHead = tf.matMul(dropped, values);
  return perHead.transpose([0, 2, 1, 3]).reshape([batch, tokens, heads * headSize]);
}

/** Queries, keys and values `[batch, heads, tokens, headSize]`. */
function splitHeads(queryKeyValue: tf.Tensor, heads: number): tf.Tensor[] {
  const [batch, tokens, size] = queryKeyValue.shape as [number, number, number];
  const perHead = queryKeyValue.reshape([batch, tokens, 3 * heads, size / 3 / heads]).transpose([0, 2, 1, 3]);
  return tf.split(perHead, 3, 1);
}

/** Queries, keys and values side by side, by one product unless something acts on one of them that must be computed alone. */
function project(x: tf.Tensor, layer: number, pass: EncoderPass): tf.Tensor {
  const paths = pass.encoder.layers[layer]!.projections.map(({ path }) => path);
  if (paths.length === 1) return applyLinear(x, paths[0]!, pass);
  if (!canChangeSideBySide(paths, pass))
    return tf.concat(
      paths.map((path) => applyLinear(x, path, pass)),
      -1,
    );
  return applySideBySide(x, pass.weights.queryKeyValue(layer), paths, pass);
}
