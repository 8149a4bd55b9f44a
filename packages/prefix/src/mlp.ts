import type { HostSpec, Parameters } from '@tfjs-peft/peft-core';
import { getParameter, type InitialLaw, type ParameterSpec } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import type { PrefixConfig } from './config.js';
import { prefixSites } from './prefix-sites.js';
import { splitRows } from './split-rows.js';

const mlpNames = ({ name }: PrefixConfig) => ({
  embedding: `${name}.embedding`,
  weight1: `${name}.transform.0.weight`,
  bias1: `${name}.transform.0.bias`,
  weight2: `${name}.transform.2.weight`,
  bias2: `${name}.transform.2.bias`,
});

/** Raw parameters of the reparametrisation: embedding `[prefixLength, hidden]`, weights `[inputs, outputs]`. */
export function parametersOfMlp(config: PrefixConfig, host: HostSpec): ParameterSpec[] {
  const { prefixLength, mlpHiddenSize } = config;
  const size = host.hiddenSize;
  const output = prefixSites(config, host).reduce((sum, { heads, headSize }) => sum + 2 * heads * headSize, 0);
  const names = mlpNames(config);
  const bert = config.initialisation === 'bert';
  const normal = (standardDeviation: number): InitialLaw => ({ kind: 'normal', standardDeviation });
  const uniform = (inputs: number): InitialLaw => ({
    kind: 'uniform',
    low: -1 / Math.sqrt(inputs),
    high: 1 / Math.sqrt(inputs),
  });
  const linear = (inputs: number) => (bert ? normal(config.initialStandardDeviation) : uniform(inputs));
  const bias = (inputs: number): InitialLaw => (bert ? { kind: 'constant', value: 0 } : uniform(inputs));
  return [
    { name: names.embedding, shape: [prefixLength, size], initial: normal(bert ? config.initialStandardDeviation : 1) },
    { name: names.weight1, shape: [size, mlpHiddenSize], initial: linear(size) },
    { name: names.bias1, shape: [mlpHiddenSize], initial: bias(size) },
    { name: names.weight2, shape: [mlpHiddenSize, output], initial: linear(mlpHiddenSize) },
    { name: names.bias2, shape: [output], initial: bias(mlpHiddenSize) },
  ];
}

/** Embedding, linear, tanh, linear: rows `[prefixLength, 2 · layers · hidden]` in the layout of {@link splitRows}. */
export function rowsFromMlp(config: PrefixConfig, raw: Parameters): tf.Tensor2D {
  const names = mlpNames(config);
  const [embedding, weight1, weight2] = [names.embedding, names.weight1, names.weight2].map(
    (name) => getParameter(raw, name) as tf.Tensor2D,
  );
  const hidden = tf.tanh(tf.matMul(embedding!, weight1!).add(getParameter(raw, names.bias1)));
  return tf.matMul(hidden as tf.Tensor2D, weight2!).add(getParameter(raw, names.bias2));
}

export const produceFromMlp = (config: PrefixConfig, raw: Parameters, host: HostSpec): Parameters =>
  splitRows(config, rowsFromMlp(config, raw), host);
