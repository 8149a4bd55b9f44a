import {
  disposeParameters,
  type NamedArrays,
  type ParameterPlan,
  type Parameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';

/** What an update changes: all raw parameters, and AdamW's moments of the trainable ones. */
export interface TrainingTensors {
  readonly raw: Parameters;
  readonly firstMoments: Parameters;
  readonly secondMoments: Parameters;
}

/** The same in host memory. */
export interface TrainingArrays {
  readonly raw: NamedArrays;
  readonly firstMoments: NamedArrays;
  readonly secondMoments: NamedArrays;
}

/** The state before the first update: moments are zero. */
export function startTensors(plan: ParameterPlan, values: NamedArrays): TrainingTensors {
  const zeros = () =>
    new Map(
      plan.raw
        .filter(({ trainable }) => trainable !== false)
        .map(({ name, shape }) => [name, tf.zeros([...shape], 'float32')] as const),
    );
  return { raw: toParameters(values), firstMoments: zeros(), secondMoments: zeros() };
}

export const toTrainingTensors = ({ raw, firstMoments, secondMoments }: TrainingArrays): TrainingTensors => ({
  raw: toParameters(raw),
  firstMoments: toParameters(firstMoments),
  secondMoments: toParameters(secondMoments),
});

export function disposeTrainingTensors({ raw, firstMoments, secondMoments }: TrainingTensors): void {
  [raw, firstMoments, secondMoments].forEach(disposeParameters);
}
