import { kindsAt } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { shareOut } from './apply-linear.js';
import { frozenLayerNorm, layerNorm, normalise as layerNormalise } from '../kernels/layer-norm.js';
import { frozenRmsNorm, normalise as rmsNormalise, rmsNorm } from '../kernels/rms-norm.js';
import type { Pass } from './pass.js';
import { watchSlopes } from './watch-slopes.js';
import { scatterValues } from '../kernels/sparse-affine.js';

/** Kinds that change a norm. */
const normKinds = kindsAt('norm').filter((kind) => kind !== 'slopeTap');

/** The norm at `path`, a LayerNorm unless the model has another, with what acts there; shape kept. */
export const applyNorm = (x: tf.Tensor, path: string, pass: Pass): tf.Tensor => {
  const { layerNormEpsilon: epsilon, norm } = pass.config;
  const normalised = norm === 'rms' ? rmsNormalise : layerNormalise;
  return watchSlopes(changedNorm(x, path, pass), x, [path], pass, (states) => normalised(states, epsilon));
};

function changedNorm(x: tf.Tensor, path: string, pass: Pass): tf.Tensor {
  const { config, weights, interventions, layout } = pass;
  const { layerNormEpsilon: epsilon, norm = 'layer' } = config;
  const { at, has } = interventions;
  const weight = weights.tensor(`${path}.weight`) as tf.Tensor1D;
  const bias = weights.shapes.has(`${path}.bias`) ? (weights.tensor(`${path}.bias`) as tf.Tensor1D) : undefined;
  if (!has(path, ...normKinds))
    return norm === 'rms'
      ? frozenRmsNorm(x, weight, epsilon)
      : frozenLayerNorm(x, weight, bias ?? tf.zerosLike(weight), epsilon);
  const sum = at('weightDelta', path).reduce<tf.Tensor>(
    (total, { delta, shares }) => total.add(shares ? shareOut(delta, shares, pass) : layout.perToken(delta)),
    weight,
  );
  const patched = at('sparseWeightDelta', path).reduce((total, { indices, values, shares }) => {
    const delta = scatterValues(indices, values, weight.shape);
    return total.add(shares ? shareOut(delta, shares, pass) : delta);
  }, sum);
  const effective = at('weightScale', path).reduce((total, { scale }) => total.mul(scale), patched);
  const shift = at('biasDelta', path).reduce<tf.Tensor | undefined>((total, { delta }) => {
    const own = layout.perToken(delta);
    return total ? total.add(own) : own;
  }, bias);
  if (norm === 'layer') return layerNorm(x, effective, shift ?? tf.zerosLike(weight), epsilon);
  const y = rmsNorm(x, effective, epsilon);
  return shift ? y.add(shift) : y;
}
