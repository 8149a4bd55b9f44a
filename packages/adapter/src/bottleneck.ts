import { type Parameters } from '@tfjs-peft/peft-core';
import { getParameter, type InitialLaw, timesMatrix } from '@tfjs-peft/peft-core/authoring';
import { type BottleneckForm } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';
import { activate } from './activations.js';
import { type AdapterConfig, bottleneckSizeOf } from './config.js';

export interface BottleneckParameter {
  /** Last segments of the name: `down.weight`. */
  readonly key: string;
  readonly shape: readonly number[];
  readonly initial: InitialLaw;
}

/** Parameters of the adapter at one site of the given size: 2·size·m + m + size numbers, and those of a learned scale. */
export function bottleneckParameters(config: AdapterConfig, size: number): BottleneckParameter[] {
  const width = bottleneckSizeOf(config, size);
  const normal: InitialLaw = { kind: 'normal', standardDeviation: config.initialStandardDeviation };
  const constant = (value: number): InitialLaw => ({ kind: 'constant', value });
  // Kaiming's uniform law with a = √5, as in the code of the paper, is ±1/√inputs.
  const bound = 1 / Math.sqrt(size);
  const down: InitialLaw = config.initialisation === 'mam' ? { kind: 'uniform', low: -bound, high: bound } : normal;
  return [
    { key: 'down.weight', shape: [size, width], initial: down },
    { key: 'down.bias', shape: [width], initial: constant(0) },
    { key: 'up.weight', shape: [width, size], initial: config.initialisation === 'bert' ? normal : constant(0) },
    { key: 'up.bias', shape: [size], initial: constant(0) },
    ...(typeof config.scale === 'number'
      ? []
      : [{ key: 'scale', shape: [config.scale === 'channel' ? size : 1], initial: constant(1) }]),
  ];
}

/** Name of one of {@link bottleneckParameters} at the site `path`. */
export const parameterName = ({ name }: AdapterConfig, path: string, key: string): string => `${name}.${path}.${key}`;

/**
 * `s · (f(x · down + b) · up + b')` (Houlsby et al. 2019, section 2.1; s by He et al. 2022), x `[batch, tokens, size]`, shape
 * kept. Parameters may each carry a batch axis.
 */
export function applyBottleneck(config: AdapterConfig, effective: Parameters, path: string, x: tf.Tensor): tf.Tensor {
  const parameter = (key: string) => getParameter(effective, parameterName(config, path, key));
  const affine = (input: tf.Tensor, map: 'down' | 'up') =>
    timesMatrix(input, parameter(`${map}.weight`)).add(perToken(parameter(`${map}.bias`)));
  const output = affine(activate(config.activation, affine(x, 'down')), 'up');
  if (config.scale === 1) return output;
  return output.mul(typeof config.scale === 'number' ? config.scale : perToken(parameter('scale')));
}

/** The same as data; parameters without a batch axis. */
export function formOf(config: AdapterConfig, effective: Parameters, path: string): BottleneckForm {
  const parameter = (key: string) => getParameter(effective, parameterName(config, path, key));
  return {
    down: parameter('down.weight'),
    downBias: parameter('down.bias'),
    activation: config.activation,
    up: parameter('up.weight'),
    upBias: parameter('up.bias'),
    scale: typeof config.scale === 'number' ? config.scale : parameter('scale'),
    addsInput: config.placement === 'sequential',
  };
}

/** True if no parameter of the adapter at the site has a batch axis. */
export const isShared = (config: AdapterConfig, effective: Parameters, path: string, size: number): boolean =>
  bottleneckParameters(config, size).every(
    ({ key, shape }) => getParameter(effective, parameterName(config, path, key)).rank === shape.length,
  );

/** A vector `[size]` or `[batch, size]` so that it broadcasts over `[batch, tokens, size]`. */
const perToken = (vector: tf.Tensor): tf.Tensor => (vector.rank === 2 ? vector.expandDims(1) : vector);
