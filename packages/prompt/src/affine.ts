import type { Parameters } from '@tfjs-peft/peft-core';
import { getParameter, type ParameterSpec } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { uniform } from './initial-laws.js';

/** Raw parameters of an affine map: weight `[inputs, outputs]` and bias, drawn as torch does. */
export const parametersOfAffine = (path: string, inputs: number, outputs: number): ParameterSpec[] => [
  { name: `${path}.weight`, shape: [inputs, outputs], initial: uniform(inputs) },
  { name: `${path}.bias`, shape: [outputs], initial: uniform(inputs) },
];

/** `x · weight + bias`, x `[rows, inputs]`. */
export const applyAffine = (raw: Parameters, path: string, x: tf.Tensor2D): tf.Tensor2D =>
  tf.matMul(x, getParameter(raw, `${path}.weight`) as tf.Tensor2D).add(getParameter(raw, `${path}.bias`));
