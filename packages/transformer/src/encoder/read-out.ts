import type { Readout } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { applyLinear } from '../model/apply-linear.js';
import type { EncoderPass } from './encoder-pass.js';
import { marksWithPrompts } from '../model/host-inputs.js';
import { paddedLayout } from '../model/token-layout.js';

/**
 * Pooled features `[batch, hidden]` of hidden states `[batch, virtual + tokens, hidden]` and a mask `[batch, tokens]`. `cls` and `pooler` read
 * place 0, the first virtual token where prompts were put before the text (as HF peft does); `mean` averages the text's own tokens alone.
 */
export function readOut(
  hidden: tf.Tensor,
  attentionMask: tf.Tensor2D,
  readout: Readout,
  pass: EncoderPass,
): tf.Tensor2D {
  if (readout === 'mean') return meanOverText(hidden, attentionMask);
  const [batch, , size] = hidden.shape as [number, number, number];
  const first = hidden.slice([0, 0, 0], [batch, 1, size]);
  const firstMask = pass.attentionMask.slice([0, 0], [batch, 1]) as tf.Tensor2D;
  const firstPass = { ...pass, attentionMask: firstMask, layout: paddedLayout };
  const pooled = readout === 'cls' ? first : applyLinear(first, pass.encoder.pooler!.path, firstPass).tanh();
  return pooled.reshape([batch, size]);
}

function meanOverText(hidden: tf.Tensor, attentionMask: tf.Tensor2D): tf.Tensor2D {
  const [batch, length] = hidden.shape as [number, number, number];
  const weights = attentionMask.toFloat();
  const shares = weights.div(weights.sum(1, true).maximum(1));
  const overAll = marksWithPrompts(shares, length);
  return tf.matMul(overAll.expandDims(1), hidden).reshape([batch, hidden.shape[2]!]);
}
