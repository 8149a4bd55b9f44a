import type { Context, Host, Parameters, PeftMethod } from '@tfjs-peft/peft-core';
import type { LossAndGradients, Objective } from '@tfjs-peft/peft-core/authoring';
import type { TextBatch } from '../batches/batch-source.js';

/** What an update may use: the state before it, and its texts. */
export interface UpdateRequest<Targets> {
  readonly host: Host;
  readonly method: PeftMethod;
  /** All raw parameters and buffers. */
  readonly raw: Parameters;
  readonly texts: TextBatch<Targets>;
  readonly objective: Objective<Targets>;
  /** Names of what is trained. */
  readonly wrt: readonly string[];
  /** Of this update alone. */
  readonly streams: Context['streams'];
}

/**
 * How the gradients of an update come about where they are not those of the loss of its batch: at a point that a few steps lead to, for
 * example (meta-learning).
 */
export interface UpdateRule<Targets> {
  /** Name and settings, `fomaml(steps=5)`: a run continues only with the same one. */
  readonly id: string;
  /** Called inside `tf.tidy`; reads no tensor and disposes nothing that it was given. */
  lossAndGradients(request: UpdateRequest<Targets>): LossAndGradients;
}
