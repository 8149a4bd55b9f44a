import type { Context, HostSpec, Parameters, PeftMethod } from '@tfjs-peft/peft-core';
import { createStream, evaluationContext } from '@tfjs-peft/peft-core';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { someNumbers } from './fake-host.js';

/** A pass of training over two texts of three tokens. */
export const trainingPass = (spec: HostSpec): Context => ({
  ...evaluationContext(spec, 2),
  mode: 'train',
  streams: { dropout: createStream('dropout'), draws: createStream('draws') },
});

/** What the interventions of one map add to its outputs for some states. Dropout of low-rank deltas is the host's and is left out. */
function deltaOf(item: Intervention, spec: HostSpec): tf.Tensor {
  const site = 'path' in item && spec.sites.find(({ path }) => path === item.path);
  if (!site || site.kind !== 'linear') throw new Error(`no map for ${item.kind}`);
  const x = someNumbers([2, 3, site.inputSize], 1);
  const frozen = someNumbers([site.inputSize, site.outputSize], 2);
  const mask = tf.ones([2, 3]) as tf.Tensor2D;
  const times = (matrix: tf.Tensor) => tf.matMul(x.reshape([6, -1]), matrix);
  switch (item.kind) {
    case 'lowRankDelta':
      return times(tf.matMul(item.middle ? item.down.mul(item.middle) : item.down, item.up).mul(item.scale));
    case 'weightDelta':
      return times(item.delta);
    case 'weightFunction': {
      const bias = item.bias?.(someNumbers([site.outputSize], 3), frozen);
      return bias ? times(item.weight(frozen)).add(bias) : times(item.weight(frozen));
    }
    case 'sparseWeightDelta': {
      const flat = tf.zeros([site.inputSize * site.outputSize]);
      const places = tf.oneHot(item.indices.toInt() as tf.Tensor1D, flat.size).toFloat();
      return times(tf.matMul(item.values.expandDims(0), places).reshape([site.inputSize, site.outputSize]));
    }
    case 'biasDelta':
      return tf.zeros([6, 1]).add(item.delta);
    case 'activationDelta':
      return item.apply(x, mask);
    case 'dynamicWeightDelta':
      return item.apply(x, frozen, mask);
    default:
      throw new Error(item.kind);
  }
}

/** One number that depends on all that a method does in training: a weighted sum of what it adds. */
export function scoreOf(method: PeftMethod, effective: Parameters, spec: HostSpec): tf.Scalar {
  return tf.addN(
    method.intervene(effective, trainingPass(spec)).map((item) => {
      const delta = deltaOf(item, spec);
      return delta.mul(someNumbers(delta.shape, 4)).sum();
    }),
  ) as tf.Scalar;
}

/** Rates of dropout that are left to the host. */
export const ratesOf = (method: PeftMethod, effective: Parameters, spec: HostSpec): number[] =>
  method.intervene(effective, trainingPass(spec)).map((item) => ('dropout' in item ? (item.dropout ?? 0) : 0));
