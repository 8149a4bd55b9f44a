import type { HostInputs, Parameters, PeftMethod } from '@tfjs-peft/peft-core';
import {
  type GradientRequest,
  lossAndGradients,
  lossOfBatch,
  objectiveOfOutputs,
  trainableNames,
} from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { crossEntropy, type LossOf } from './cross-entropy.js';
import { requireLogits } from './require-logits.js';
import { contextOf } from './run-pass.js';
import type { Subject } from './subject.js';
import { batchOf } from './texts.js';
import { afterTraining, withHead } from './trained.js';

export interface TrainingState {
  readonly method: PeftMethod;
  readonly raw: Parameters;
}

/** Not the initial values: some gradients vanish there (LoRA's, while its second factor is zero). */
export function toFirstStep(subject: Subject): TrainingState {
  const method = withHead(subject);
  const kept = tf.tidy(() => [...afterTraining(subject, method).raw]);
  return { method, raw: new Map(kept) };
}

/** What `lossAndGradients` of the core gets in a training pass of the kit. */
const requestOf = (
  subject: Subject,
  { method, raw }: TrainingState,
  lossOf: LossOf,
  inputs: HostInputs = batchOf(subject.host.spec),
): GradientRequest => ({
  host: subject.host,
  method,
  raw,
  batch: { inputs, targets: null },
  objective: objectiveOfOutputs('conformance', (outputs) => lossOf(requireLogits(outputs))),
  context: contextOf(subject, inputs.inputIds.shape[0], { mode: 'train' }),
});

/** The loss of a training pass with all that is added to it. */
export function trainingLoss(subject: Subject, state: TrainingState, lossOf: LossOf, inputs?: HostInputs): tf.Scalar {
  const { loss, terms } = lossOfBatch(requestOf(subject, state, lossOf, inputs));
  return Object.values(terms).reduce<tf.Scalar>((sum, term) => sum.add(term), loss);
}

/** Names of the raw parameters that an optimiser changes. */
export const trainableNamesOf = ({ host }: Subject, method: PeftMethod): string[] =>
  trainableNames(method.plan(host.spec));

/** Gradients of the loss by the way that training takes; zeros for parameters without influence. Call inside `tf.tidy`. */
export function gradientsOf(subject: Subject, state: TrainingState, lossOf: LossOf): Map<string, tf.Tensor> {
  const { gradients } = lossAndGradients(requestOf(subject, state, lossOf));
  return new Map(
    trainableNamesOf(subject, state.method).map((name) => [
      name,
      gradients.get(name) ?? tf.zerosLike(state.raw.get(name)!),
    ]),
  );
}

/** One step of gradient descent and the method's projection; disposes the parameters that it replaces. */
export function trainingStep(subject: Subject, { method, raw }: TrainingState, rate = 0.1): TrainingState {
  const stepped = tf.tidy(() => {
    const gradients = gradientsOf(subject, { method, raw }, crossEntropy);
    const free: Parameters = new Map(
      [...raw].map(([name, value]) => {
        const gradient = gradients.get(name);
        return [name, gradient ? value.sub(gradient.mul(rate)) : value] as const;
      }),
    );
    return [...(method.afterStep?.(free) ?? free)];
  });
  const kept = new Set(stepped.map(([, tensor]) => tensor));
  tf.dispose([...raw.values()].filter((tensor) => !kept.has(tensor)));
  return { method, raw: new Map(stepped) };
}
