import type { Readout } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';

/**
 * Pooled features `[batch, hidden]` of hidden states `[batch, virtual + tokens, hidden]` and the mask `[batch, tokens]` of the text: the state of its last
 * token, or the mean over its tokens.
 */
export function readText(hidden: tf.Tensor, textMask: tf.Tensor2D, readout: Readout): tf.Tensor2D {
  const [batch, length, size] = hidden.shape as [number, number, number];
  const tokens = textMask.shape[1];
  const mask = textMask.toFloat() as tf.Tensor2D;
  const shares = readout === 'mean' ? mask.div(mask.sum(1, true).maximum(1)) : lastOf(mask, tokens);
  const overAll = shares.pad([
    [0, 0],
    [length - tokens, 0],
  ]);
  return tf.matMul(overAll.expandDims(1), hidden).reshape([batch, size]);
}

/** 1 at the last token of each row. */
const lastOf = (mask: tf.Tensor2D, tokens: number): tf.Tensor2D =>
  tf.oneHot(mask.mul(tf.range(0, tokens)).argMax<tf.Tensor1D>(1), tokens).toFloat() as tf.Tensor2D;
