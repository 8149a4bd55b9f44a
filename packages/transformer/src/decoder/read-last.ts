import type { Readout } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { marksWithPrompts } from '../model/host-inputs.js';

/**
 * Pooled features `[batch, hidden]` of hidden states `[batch, virtual + tokens, hidden]` and the mask `[batch, tokens]` of the text: the state of its last
 * token, or the mean over its tokens.
 */
export function readText(hidden: tf.Tensor, textMask: tf.Tensor2D, readout: Readout): tf.Tensor2D {
  const [batch, length, size] = hidden.shape as [number, number, number];
  const mask = textMask.toFloat();
  const shares = readout === 'mean' ? mask.div(mask.sum(1, true).maximum(1)) : lastToken(textMask);
  const overAll = marksWithPrompts(shares, length);
  return tf.matMul(overAll.expandDims(1), hidden).reshape([batch, size]);
}

/** 1 at the last token of each row of a mask `[batch, tokens]`, 0 elsewhere. */
export const lastToken = (textMask: tf.Tensor2D): tf.Tensor2D => {
  const [, tokens] = textMask.shape;
  const last = textMask.toFloat().mul(tf.range(0, tokens)).argMax<tf.Tensor1D>(1);
  return tf.oneHot(last, tokens).toFloat() as tf.Tensor2D;
};
