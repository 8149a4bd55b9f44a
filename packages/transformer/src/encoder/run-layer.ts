import type { SublayerAdapter } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type { Sublayer } from '../architecture/encoder.js';
import { activate } from '../kernels/activations.js';
import { applyActivation, applyLinear, linearKinds, showTaps } from '../model/apply-linear.js';
import { applyNorm } from '../model/apply-norm.js';
import { attend } from './attend.js';
import { frozenFeedForward } from '../kernels/frozen-feed-forward.js';
import { dropOut } from '../model/pass.js';
import type { EncoderPass } from './encoder-pass.js';

/**
 * One encoder layer, states in the pass' layout in and out: attention, then the feed-forward network, each with residual and LayerNorm, which
 * comes after the residual or before the sublayer.
 */
export const runLayer = (x: tf.Tensor, mask: tf.Tensor, layer: number, pass: EncoderPass): tf.Tensor =>
  tf.tidy(() => {
    const { path, linears, sublayers } = pass.encoder.layers[layer]!;
    const attended = tf.tidy(() => {
      const heads = attend(normFirst(x, sublayers.attention, pass), mask, layer, pass);
      return finishSublayer(applyLinear(heads, linears.attentionOutput.path, pass), x, sublayers.attention, pass);
    });
    const fed = feedForward(normFirst(attended, sublayers.feedForward, pass), layer, pass);
    const output = finishSublayer(fed, attended, sublayers.feedForward, pass);
    return actOnHidden(output, path, pass);
  });

const hasNormFirst = ({ encoder }: EncoderPass): boolean => encoder.family.modules.layers.normFirst === true;

/** What a sublayer reads. */
const normFirst = (x: tf.Tensor, { norm }: Sublayer, pass: EncoderPass): tf.Tensor =>
  hasNormFirst(pass) && norm !== undefined ? applyNorm(x, norm, pass) : x;

/** What acts on the output of a layer. */
function actOnHidden(output: tf.Tensor, path: string, pass: EncoderPass): tf.Tensor {
  const changed = pass.interventions
    .at('hiddenDelta', path)
    .reduce((states, delta) => states.add(applyActivation(delta, states, pass)), output);
  showTaps('output', changed, path, pass);
  return changed;
}

/** The feed-forward network before dropout and residual; one fused node where nothing acts inside. */
function feedForward(x: tf.Tensor, layer: number, pass: EncoderPass): tf.Tensor {
  const { weights, interventions, config, encoder } = pass;
  const { feedForwardIn, feedForwardOut } = encoder.layers[layer]!.linears;
  const [expand, contract] = [feedForwardIn.path, feedForwardOut.path];
  const frozen = ![expand, contract].some((path) => interventions.has(path, ...linearKinds));
  const { gated } = encoder.family.modules.layers;
  if (frozen && config.hiddenActivation === 'gelu' && !gated)
    return frozenFeedForward(x, weights.affine(expand), weights.affine(contract));
  const wide = applyLinear(x, expand, pass);
  if (!gated) return applyLinear(activate(config.hiddenActivation, wide), contract, pass);
  const [input, gate] = tf.split(wide, 2, -1) as [tf.Tensor, tf.Tensor];
  return applyLinear(activate(config.hiddenActivation, input).mul(gate), contract, pass);
}

/**
 * Dropout, adapters, residual, LayerNorm. `input` is the residual, which parallel adapters read too; where the LayerNorm comes first, none follows,
 * so that `normed` adapters read the sum itself.
 */
function finishSublayer(output: tf.Tensor, input: tf.Tensor, sublayer: Sublayer, pass: EncoderPass): tf.Tensor {
  const adapters = pass.interventions.at('sublayerAdapter', sublayer.path);
  const placed = (wanted: SublayerAdapter['placement']) => adapters.filter(({ placement }) => placement === wanted);
  const { norm } = sublayer;
  const normed = (z: tf.Tensor) =>
    hasNormFirst(pass) || norm === undefined ? z.add(input) : applyNorm(z.add(input), norm, pass);
  let y = dropOut(output, sublayer.dropout ? pass.config.hiddenDropout : 0, sublayer.path, pass);
  for (const adapter of placed('sequential')) y = applyActivation(adapter, y, pass);
  for (const adapter of placed('normed')) y = y.add(applyActivation(adapter, normed(y), pass));
  for (const adapter of placed('parallel')) y = y.add(applyActivation(adapter, input, pass));
  return normed(y);
}
