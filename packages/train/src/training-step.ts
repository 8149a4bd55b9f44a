import {
  type Context,
  effectiveParameters,
  type Host,
  type HostInputs,
  type HostOutputs,
  type Objective,
  type ParameterPlan,
  type Parameters,
  PeftError,
  type PeftMethod,
} from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { applyAdamW } from './adamw.js';
import { padTexts, requireLogits } from './host-pass.js';
import { clippingScale, globalNorm } from './gradient-norm.js';
import { batchLoss, type LossKind } from './loss.js';
import type { TrainConfig } from './train-config.js';
import type { TrainingExample } from './training-request.js';
import type { TrainingTensors } from './training-tensors.js';

export interface StepInput {
  readonly batch: readonly TrainingExample[];
  readonly streams: Context['streams'];
  /** Counted from 1. */
  readonly step: number;
  readonly learningRateOf: (name: string) => number;
}

export interface StepOutput {
  readonly tensors: TrainingTensors;
  /** `[3]`: the task's loss, the penalty, the global gradient norm before clipping. The caller reads and disposes it. */
  readonly measured: tf.Tensor;
  /** Trainable parameters on which the loss did not depend. */
  readonly untouched: readonly string[];
}

/**
 * One update, entirely on the device: forward, loss, backward, clipping, AdamW. The tensors passed in are disposed where they were
 * replaced; if it throws, none is.
 * Errors: `LOGITS_MISSING`, `NOTHING_TO_TRAIN`, `LABEL_INVALID`, `LOGITS_MISSHAPEN`, and whatever method and host throw.
 */
export function trainingStep(
  { host, method, plan, config, loss }: StepSetting,
  old: TrainingTensors,
  { batch, streams, step, learningRateOf }: StepInput,
): StepOutput {
  const trainable = plan.raw.filter((spec) => spec.trainable !== false).map(({ name }) => name);
  const context: Context = { mode: 'train', host: host.spec, batchSize: batch.length, streams };
  let untouched: string[] = [];
  const names = [...old.raw.keys()];
  const kept = tf.tidy(() => {
    const inputs = padTexts(
      host,
      batch.map(({ text }) => text),
    );
    const labels = batch.map(({ label }) => label);
    const { losses, gradients } = differentiate(host, method, old.raw, trainable, inputs, context, (outputs) =>
      batchLoss(loss, requireLogits(outputs), labels),
    );
    untouched = trainable.filter((name) => !gradients.has(name));
    if (gradients.size === 0) throw nothingToTrain('the loss depends on none of the parameters');
    const norm = globalNorm([...gradients.values()]);
    const updated = applyAdamW(
      trainable.map((name) => ({
        value: old.raw.get(name)!,
        gradient: gradients.get(name),
        firstMoment: old.firstMoments.get(name)!,
        secondMoment: old.secondMoments.get(name)!,
        learningRate: learningRateOf(name),
      })),
      config,
      step,
      config.clipNorm === null ? undefined : clippingScale(norm, config.clipNorm),
    );
    const values = new Map(trainable.map((name, index) => [name, updated[index]!.value]));
    const free: Parameters = new Map(names.map((name) => [name, values.get(name) ?? old.raw.get(name)!]));
    const projected = method.afterStep?.(free) ?? free;
    return [
      tf.stack([...losses, norm]),
      ...names.map((name) => projected.get(name) ?? free.get(name)!),
      ...updated.map(({ firstMoment }) => firstMoment),
      ...updated.map(({ secondMoment }) => secondMoment),
    ];
  });
  const zip = (keys: readonly string[], start: number) => new Map(keys.map((key, i) => [key, kept[start + i]!]));
  const tensors = {
    raw: zip(names, 1),
    firstMoments: zip(trainable, 1 + names.length),
    secondMoments: zip(trainable, 1 + names.length + trainable.length),
  };
  const current = new Set(kept);
  tf.dispose(
    [old.raw, old.firstMoments, old.secondMoments].flatMap((map) =>
      [...map.values()].filter((tensor) => !current.has(tensor)),
    ),
  );
  return { tensors, measured: kept[0]!, untouched };
}

export interface StepSetting {
  readonly host: Host;
  readonly method: PeftMethod;
  readonly plan: ParameterPlan;
  readonly config: TrainConfig;
  readonly loss: LossKind;
}

export const nothingToTrain = (found: string): PeftError =>
  new PeftError('NOTHING_TO_TRAIN', { found, expected: 'at least one parameter that changes the loss' });

/** Task loss and penalty of a pass, and the gradients of their sum; parameters without influence have none. */
function differentiate(
  host: Host,
  method: PeftMethod,
  raw: Parameters,
  trainable: readonly string[],
  inputs: HostInputs,
  context: Context,
  lossOf: (outputs: HostOutputs) => tf.Scalar,
): { losses: [tf.Tensor, tf.Tensor]; gradients: ReadonlyMap<string, tf.Tensor> } {
  // The forward part runs in a scope of its own that frees everything but the sum; what is kept here is freed with the step's scope.
  const kept: tf.Tensor[] = [];
  try {
    // `engine().gradients`, because `tf.valueAndGrads` throws for a parameter without influence on the loss.
    const { grads } = tf.engine().gradients(
      () => {
        const effective = effectiveParameters(method, raw, host.spec);
        const pass = (used: Context) => host.forward(inputs, method.intervene(effective, used), used);
        const task: Objective = (run, used) => lossOf(run(used));
        const loss = (method.objective?.(task) ?? task)(pass, context);
        const penalty = method.penalty?.(effective, context);
        kept.push(tf.keep(loss.clone()), tf.keep(penalty ? penalty.clone() : tf.scalar(0)));
        return penalty ? loss.add(penalty) : loss;
      },
      trainable.map((name) => raw.get(name)!),
      undefined,
      true,
    );
    const gradients = new Map(
      trainable.flatMap((name, index): [string, tf.Tensor][] => (grads[index] ? [[name, grads[index]]] : [])),
    );
    return { losses: [kept[0]!.clone(), kept[1]!.clone()], gradients };
  } catch (error) {
    // TensorFlow.js frees what a tape saved only at the end of a complete backward pass.
    tf.engine().state.activeTape?.forEach(({ saved }) => tf.dispose(saved));
    throw error;
  } finally {
    tf.dispose(kept);
  }
}
