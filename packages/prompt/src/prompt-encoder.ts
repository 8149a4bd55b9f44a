import type { HostSpec, Parameters } from '@tfjs-peft/peft-core';
import { getParameter, type ParameterSpec } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { applyAffine, parametersOfAffine } from './affine.js';
import type { PTuningConfig } from './config.js';
import { normal } from './initial-laws.js';
import { applyLstm, type LstmShape, parametersOfLstm } from './lstm.js';
import { rowWidth } from './virtual-tokens.js';

const widthOf = (config: PTuningConfig, host: HostSpec) => config.encoderHiddenSize ?? rowWidth(host);
const embeddingName = ({ name }: PTuningConfig) => `${name}.encoder.embedding`;
/** The affine maps, numbered with the ReLU between them as torch's `Sequential` does. */
const affinePath = ({ name }: PTuningConfig, place: number) => `${name}.encoder.${place}`;
const lstmOf = (config: PTuningConfig, host: HostSpec): LstmShape => ({
  path: `${config.name}.encoder.lstm`,
  inputSize: rowWidth(host),
  hiddenSize: widthOf(config, host),
  layers: config.encoderLayers,
});

/** Raw parameters: embedding `[length, hidden]` of N(0, 1) and the maps that follow, drawn as torch's defaults. */
export function parametersOfEncoder(config: PTuningConfig, host: HostSpec): ParameterSpec[] {
  const size = rowWidth(host);
  const width = widthOf(config, host);
  return [
    { name: embeddingName(config), shape: [config.length, size], initial: normal(1) },
    ...(config.encoder === 'lstm'
      ? [
          ...parametersOfLstm(lstmOf(config, host)),
          ...parametersOfAffine(affinePath(config, 0), 2 * width, 2 * width),
          ...parametersOfAffine(affinePath(config, 2), 2 * width, size),
        ]
      : [
          ...parametersOfAffine(affinePath(config, 0), size, width),
          ...parametersOfAffine(affinePath(config, 2), width, width),
          ...parametersOfAffine(affinePath(config, 4), width, size),
        ]),
  ];
}

/** Rows `[length, hidden]` from raw parameters. */
export function encodeRows(config: PTuningConfig, raw: Parameters, host: HostSpec): tf.Tensor2D {
  const embedding = getParameter(raw, embeddingName(config)) as tf.Tensor2D;
  const start = config.encoder === 'lstm' ? applyLstm(lstmOf(config, host), raw, embedding) : embedding;
  const places = config.encoder === 'lstm' ? [0, 2] : [0, 2, 4];
  return places.reduce<tf.Tensor2D>(
    (x, place) => applyAffine(raw, affinePath(config, place), place === 0 ? x : tf.relu(x)),
    start,
  );
}
