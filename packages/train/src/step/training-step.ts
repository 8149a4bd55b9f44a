import { type Context, type Host, type Parameters, PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import {
  type LossAndGradients,
  lossAndGradients,
  type Objective,
  type Optimiser,
  type OptimiserState,
  type UpdateSettings,
} from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { type TextBatch, toBatch } from '../batches/batch-source.js';
import { withinMemory } from '../batches/within-memory.js';
import { clippingScale, globalNorm } from './gradient-norm.js';
import type { UpdateRequest, UpdateRule } from './update-rule.js';

/** What does not change from step to step. */
export interface StepSetting<Targets> {
  readonly host: Host;
  readonly method: PeftMethod;
  readonly objective: Objective<Targets>;
  readonly optimiser: Optimiser;
  /** The gradients of the loss of the batch if absent. */
  readonly rule?: UpdateRule<Targets>;
  /** Names of the raw parameters that are trained. */
  readonly trained: readonly string[];
  /** Largest global gradient norm; null: no clipping. */
  readonly clipNorm: number | null;
}

/** What one update gets beside the state. */
export interface StepInput<Targets> {
  readonly texts: TextBatch<Targets>;
  readonly streams: Context['streams'];
  /** Counted from 1. */
  readonly step: number;
  /** Rate and decay of a parameter in this update. */
  readonly settingsOf: (name: string) => UpdateSettings;
}

/** What an update changes: all raw parameters (buffers among them, as they were), and what the optimiser remembers. */
export interface TrainingTensors {
  readonly raw: Parameters;
  readonly optimiser: OptimiserState;
}

/** What one update gives. */
export interface StepOutput {
  readonly tensors: TrainingTensors;
  /** `[2 + terms]`: the task's loss, the terms added to it, the global gradient norm before clipping. The caller reads and disposes it. */
  readonly measured: tf.Tensor;
  /** Names of the terms. */
  readonly terms: readonly string[];
  /** Trained parameters on which the loss did not depend. */
  readonly untouched: readonly string[];
}

/**
 * One update, entirely on the device: forward, loss, backward, clipping, optimiser, the method's projection. Tensors that did not change are the
 * very ones of `old`; nothing of `old` is disposed.
 * Errors: `NOTHING_TO_TRAIN`, `BACKEND_OUT_OF_MEMORY`, and whatever method, objective and host throw.
 */
export function trainingStep<Targets>(
  { host, method, objective, optimiser, rule, trained, clipNorm }: StepSetting<Targets>,
  old: TrainingTensors,
  { texts, streams, step, settingsOf }: StepInput<Targets>,
): StepOutput {
  const names = [...old.raw.keys()];
  const slots = [...old.optimiser.keys()];
  let terms: string[] = [];
  let untouched: string[] = [];
  const kept = tf.tidy(() => {
    const request = { host, method, raw: old.raw, texts, objective, wrt: trained, streams };
    const result = withinMemory(texts.texts, () => (rule ? rule.lossAndGradients(request) : ofBatch(request)));
    const { gradients } = result;
    terms = Object.keys(result.terms);
    untouched = trained.filter((name) => !gradients.has(name));
    if (gradients.size === 0) throw nothingToTrain('the loss depends on none of the parameters');
    const norm = globalNorm([...gradients.values()]);
    const updated = optimiser.update({
      parameters: new Map(trained.map((name) => [name, old.raw.get(name)!])),
      gradients,
      state: old.optimiser,
      step,
      settingsOf,
      ...(clipNorm !== null && { gradientScale: clippingScale(norm, clipNorm) }),
    });
    const free: Parameters = new Map(
      [...old.raw].map(([name, value]) => [name, updated.parameters.get(name) ?? value]),
    );
    // What is not trained keeps its bits, whatever a projection says of it.
    const projected = method.afterStep?.(free) ?? free;
    const after = (name: string) => (updated.parameters.has(name) ? projected.get(name) : undefined) ?? free.get(name)!;
    return [
      tf.stack([result.loss, ...Object.values(result.terms), norm]),
      ...names.map(after),
      ...slots.flatMap((slot) => trained.map((name) => updated.state.get(slot)!.get(name)!)),
    ];
  });
  const zip = (keys: readonly string[], start: number) => new Map(keys.map((key, i) => [key, kept[start + i]!]));
  const tensors = {
    raw: zip(names, 1),
    optimiser: new Map(slots.map((slot, index) => [slot, zip(trained, 1 + names.length + index * trained.length)])),
  };
  return { tensors, measured: kept[0]!, terms, untouched };
}

/** Loss and gradients of the batch itself. */
function ofBatch<Targets>({ host, texts, streams, ...request }: UpdateRequest<Targets>): LossAndGradients {
  const batch = toBatch(host, texts);
  const context: Context = { mode: 'train', host: host.spec, batchSize: batch.inputs.inputIds.shape[0], streams };
  return lossAndGradients({ host, batch, context, ...request });
}

/** All tensors of a state, those of the optimiser among them. */
export const allTensors = ({ raw, optimiser }: TrainingTensors): tf.Tensor[] =>
  [raw, ...optimiser.values()].flatMap((parameters) => [...parameters.values()]);

/** Disposes those tensors of `old` that `current` does not hold. */
export function disposeReplaced(old: TrainingTensors, current: TrainingTensors): void {
  const kept = new Set(allTensors(current));
  tf.dispose(allTensors(old).filter((tensor) => !kept.has(tensor)));
}

export const nothingToTrain = (found: string): PeftError =>
  new PeftError('NOTHING_TO_TRAIN', { found, expected: 'at least one parameter that changes the loss' });
