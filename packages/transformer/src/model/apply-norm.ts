import { kindsAt } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';
import { shareOut } from './apply-linear.js';
import { frozenLayerNorm, layerNorm } from '../kernels/layer-norm.js';
import type { Pass } from './pass.js';
import { scatterValues } from '../kernels/sparse-affine.js';

const normKinds = kindsAt('norm');

/** The LayerNorm module at `path` with what acts on its weight and bias; shape kept. */
export function applyNorm(x: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  const { config, weights, interventions, layout } = pass;
  const { at, has } = interventions;
  const weight = weights.tensor(`${path}.weight`) as tf.Tensor1D;
  const bias = weights.tensor(`${path}.bias`) as tf.Tensor1D;
  if (!has(path, ...normKinds)) return frozenLayerNorm(x, weight, bias, config.layerNormEpsilon);
  const sum = at('weightDelta', path).reduce<tf.Tensor>(
    (total, { delta, shares }) => total.add(shares ? shareOut(delta, shares, pass) : layout.perToken(delta)),
    weight,
  );
  const patched = at('sparseWeightDelta', path).reduce((total, { indices, values, shares }) => {
    const delta = scatterValues(indices, values, weight.shape);
    return total.add(shares ? shareOut(delta, shares, pass) : delta);
  }, sum);
  const effective = at('weightScale', path).reduce((total, { scale }) => total.mul(scale), patched);
  const shift = at('biasDelta', path).reduce<tf.Tensor>((total, { delta }) => total.add(layout.perToken(delta)), bias);
  return layerNorm(x, effective, shift, config.layerNormEpsilon);
}
