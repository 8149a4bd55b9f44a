import {
  type Context,
  effectiveParameters,
  type Objective,
  type Parameters,
  type PeftMethod,
} from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { contextOf, requireLogits } from './run-pass.js';
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

/** A scalar of logits `[batch, labels]`. */
export type LossOf = (logits: tf.Tensor2D) => tf.Scalar;

/** The loss of a training pass, its penalty among it, as a function of the raw parameters. */
export function trainingLoss(
  subject: Subject,
  method: PeftMethod,
  raw: Parameters,
  lossOf: LossOf,
  inputs = batchOf(subject.host.spec),
): tf.Scalar {
  const { host } = subject;
  const context = contextOf(subject, inputs.inputIds.shape[0], { mode: 'train' });
  const effective = effectiveParameters(method, raw, host.spec);
  const pass = (used: Context) => host.forward(inputs, method.intervene(effective, used), used);
  const task: Objective = (run, used) => lossOf(requireLogits(run(used)));
  const loss = (method.objective?.(task) ?? task)(pass, context);
  const penalty = method.penalty?.(effective, context);
  return penalty ? loss.add(penalty) : loss;
}

/** Names of the raw parameters that an optimiser changes. */
export const trainableNames = ({ host }: Subject, method: PeftMethod): string[] =>
  method
    .plan(host.spec)
    .raw.filter(({ trainable }) => trainable !== false)
    .map(({ name }) => name);

/** Gradients of the loss; zeros for parameters without influence. Call inside `tf.tidy`. */
export function gradientsOf(subject: Subject, { method, raw }: TrainingState, lossOf: LossOf): Map<string, tf.Tensor> {
  const names = trainableNames(subject, method);
  const tensors = names.map((name) => raw.get(name)!);
  // The sum of zeros connects the parameters without influence, for which TensorFlow.js would throw.
  const loss = (...values: tf.Tensor[]) => {
    const free = new Map([...raw, ...names.map((name, index) => [name, values[index]!] as const)]);
    return trainingLoss(subject, method, free, lossOf).add(tf.addN(values.map((value) => value.sum())).mul(0));
  };
  try {
    const gradients = tf.grads(loss)(tensors);
    return new Map(names.map((name, index) => [name, gradients[index]!]));
  } catch (error) {
    // TensorFlow.js frees what a tape saved only at the end of a complete backward pass.
    tf.engine().state.activeTape?.forEach(({ saved }) => tf.dispose(saved));
    throw error;
  }
}

/** Cross-entropy with the labels 0, 1, 2, … of the examples. */
export const crossEntropy: LossOf = (logits) => {
  const [batch, labels] = logits.shape;
  const wanted = tf.oneHot(tf.range(0, batch, 1, 'int32').mod(tf.scalar(labels, 'int32')).toInt(), labels);
  return logits.logSoftmax().mul(wanted).sum().div(-batch) as tf.Scalar;
};

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
