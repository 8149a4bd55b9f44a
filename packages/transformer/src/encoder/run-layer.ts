import type { SublayerAdapter } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type { Sublayer } from '../architecture/encoder.js';
import { activate, activateGate } from '../kernels/activations.js';
import { applyActivation, applyLinear, linearKinds, showTaps } from '../model/apply-linear.js';
import { applyNorm } from '../model/apply-norm.js';
import { attend } from './attend.js';
import { frozenFeedForward } from '../kernels/frozen-feed-forward.js';
import { dropOut } from '../model/pass.js';
import type { EncoderPass } from './encoder-pass.js';
import { passOfPicked, type TokenPick } from '../model/pick-tokens.js';

/** What a layer computes. */
export interface LayerRequest {
  /** States in the pass' layout. */
  readonly x: tf.Tensor;
  /** Added to attention scores, `[batch, 1, 1, tokens]`. */
  readonly mask: tf.Tensor;
  readonly layer: number;
  readonly pass: EncoderPass;
  /** Which token of a text is wanted; all of them if absent. */
  readonly pick?: TokenPick;
}

/**
 * One encoder layer: attention, then the feed-forward network, each with residual and LayerNorm, which comes after the residual or before the
 * sublayer. States in the pass' layout, or with `pick` `[batch, 1, hidden]`: attention reads all tokens, what follows treats each for itself.
 */
export const runLayer = ({ x, mask, layer, pass, pick }: LayerRequest): tf.Tensor =>
  tf.tidy(() => {
    const { path, linears, sublayers } = pass.encoder.layers[layer]!;
    const after = pick ? passOfPicked(pick, x, pass) : pass;
    const wanted = after.picked?.pick ?? ((states: tf.Tensor) => states);
    const attended = tf.tidy(() => {
      const heads = wanted(attend(normFirst(x, sublayers.attention, pass), mask, layer, pass));
      const projected = applyLinear(heads, linears.attentionOutput.path, after);
      return finishSublayer(projected, wanted(x), sublayers.attention, after);
    });
    const fed = feedForward(normFirst(attended, sublayers.feedForward, after), layer, after);
    const output = finishSublayer(fed, attended, sublayers.feedForward, after);
    return actOnHidden(output, path, after);
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
  return applyLinear(activateGate(config.hiddenActivation, input, gate), contract, pass);
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
