import type { ReadoutMap } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { activate } from '../kernels/activations.js';
import { layerNorm } from '../kernels/layer-norm.js';
import { dropOut, type Pass } from './pass.js';

/** Logits `[batch, labels]` of a head at `path` on pooled features `[batch, hidden]`. */
export function applyHead(
  features: tf.Tensor2D,
  { weight, bias, hidden, dropout }: ReadoutMap,
  path: string,
  pass: Pick<Pass, 'config' | 'context'>,
): tf.Tensor2D {
  const drop = (x: tf.Tensor2D, place: string) => dropOut(x, dropout, place, pass) as tf.Tensor2D;
  if (!hidden) return affineHead(drop(features, path), weight, bias);
  const dense = affineHead(drop(features, `${path}.dense`), hidden.weight, hidden.bias);
  const active = activate(hidden.activation, dense) as tf.Tensor2D;
  const normed = hidden.norm ? layerNorm(active, hidden.norm, tf.scalar(0), pass.config.layerNormEpsilon) : active;
  return affineHead(drop(normed as tf.Tensor2D, path), weight, bias);
}

/** `x · weightᵀ + bias`, x `[batch, inputs]`, weight `[outputs, inputs]` or one an example. */
function affineHead(x: tf.Tensor2D, weight: tf.Tensor, bias: tf.Tensor | undefined): tf.Tensor2D {
  const product =
    weight.rank === 3
      ? tf.matMul(weight, x.expandDims(2)).squeeze([2])
      : tf.matMul(x, weight as tf.Tensor2D, false, true);
  return (bias ? product.add(bias) : product) as tf.Tensor2D;
}
