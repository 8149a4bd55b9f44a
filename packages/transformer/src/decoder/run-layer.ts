import type { SublayerAdapter } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { activate, activateGate } from '../kernels/activations.js';
import { sumOfTwo } from '../kernels/shape-only.js';
import { applyActivation, applyLinear, showTaps } from '../model/apply-linear.js';
import { applyNorm } from '../model/apply-norm.js';
import { dropOut } from '../model/pass.js';
import { passOfPicked, type TokenPick } from '../model/pick-tokens.js';
import { attendCausally } from './causal-attention.js';
import type { DecoderPass, LayerPast } from './decoder-pass.js';
import type { DecoderLayer, DecoderSublayer } from './describe-decoder.js';

/** States after a layer, in the pass' layout, and what the layer remembers if that is wanted. */
export type LayerOutput = { readonly states: tf.Tensor; readonly present?: LayerPast };

/** What a layer computes. */
export interface LayerRequest {
  /** States in the pass' layout. */
  readonly x: tf.Tensor;
  readonly layer: number;
  readonly pass: DecoderPass;
  /** Whether the next pass needs its keys and values. */
  readonly remembers: boolean;
  /** Which token of a text is wanted; all of them if absent. */
  readonly pick?: TokenPick;
}

/** One layer: norm, attention, residual; norm, feed-forward network, residual. With `pick` all after the attention for one token a text. */
export const runDecoderLayer = ({ x, layer, pass, remembers, pick }: LayerRequest): LayerOutput =>
  tf.tidy(() => {
    const module = pass.decoder.layers[layer]!;
    const { attentionOutput, sublayers, path } = module;
    const { context, present } = attendCausally(applyNorm(x, sublayers.attention.norm, pass), module, pass);
    const after = pick ? passOfPicked(pick, x, pass) : pass;
    const wanted = after.picked?.pick ?? ((states: tf.Tensor) => states);
    const projected = applyLinear(wanted(context), attentionOutput.path, after);
    const attended = finishSublayer(projected, wanted(x), sublayers.attention, after);
    const fed = feedForward(applyNorm(attended, sublayers.feedForward.norm, after), module, after);
    const output = finishSublayer(fed, attended, sublayers.feedForward, after);
    const changed = after.interventions
      .at('hiddenDelta', path)
      .reduce((states, delta) => states.add(applyActivation(delta, states, after)), output);
    showTaps('output', changed, path, after);
    return { states: changed, ...(remembers && { present }) };
  });

/** `activation(x · In) · Out`, or with a gate `(activation(x · Gate) ⊙ (x · In)) · Out` (Shazeer 2020, arXiv 2002.05202). */
function feedForward(
  x: tf.Tensor,
  { feedForwardGate, feedForwardIn, feedForwardOut }: DecoderLayer,
  pass: DecoderPass,
): tf.Tensor {
  const { hiddenActivation } = pass.config;
  const expanded = applyLinear(x, feedForwardIn.path, pass);
  const inner = feedForwardGate
    ? activateGate(hiddenActivation, applyLinear(x, feedForwardGate.path, pass), expanded)
    : activate(hiddenActivation, expanded);
  return applyLinear(inner, feedForwardOut.path, pass);
}

/**
 * Dropout, adapters, residual. `input` is the residual, which parallel adapters read as AdapterHub's do; no norm follows it here, so that
 * `normed` adapters read the sum itself.
 */
function finishSublayer(output: tf.Tensor, input: tf.Tensor, { path }: DecoderSublayer, pass: DecoderPass): tf.Tensor {
  const adapters = pass.interventions.at('sublayerAdapter', path);
  const placed = (wanted: SublayerAdapter['placement']) => adapters.filter(({ placement }) => placement === wanted);
  let y = dropOut(output, pass.config.hiddenDropout, path, pass);
  for (const adapter of placed('sequential')) y = applyActivation(adapter, y, pass);
  for (const adapter of placed('normed')) y = y.add(applyActivation(adapter, y.add(input), pass));
  for (const adapter of placed('parallel')) y = y.add(applyActivation(adapter, input, pass));
  return sumOfTwo(y, input);
}
