import {
  type Context,
  evaluationContext,
  type HostInputs,
  type HostOutputs,
  type Mode,
  type Parameters,
  type PeftMethod,
  substream,
} from '@tfjs-peft/peft-core';
import type { Interventions } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';
import { requireLogits } from './require-logits.js';
import type { Subject } from './subject.js';
import { batchOf } from './texts.js';
import { seedOf } from './trained.js';

export interface PassOptions {
  readonly mode?: Mode;
  /** Names of the streams of this pass. */
  readonly draws?: string | number;
  readonly dropout?: string | number;
  readonly reads?: Context['reads'];
  /** The kit's three texts if absent. */
  readonly inputs?: HostInputs;
}

export const contextOf = (subject: Subject, batchSize: number, options: PassOptions = {}): Context => ({
  ...evaluationContext(subject.host.spec, batchSize),
  mode: options.mode ?? 'evaluate',
  ...(options.reads && { reads: options.reads }),
  streams: {
    dropout: substream(seedOf(subject), 'dropout', options.dropout ?? 0),
    draws: substream(seedOf(subject), 'draws', options.draws ?? 0),
  },
});

/** A method with effective parameters; an adapter is one. */
export interface Runnable {
  readonly method: PeftMethod;
  readonly effective: Parameters;
}

/** One pass; nothing is disposed, checks run in a scope. */
export function runPass(subject: Subject, { method, effective }: Runnable, options: PassOptions = {}): HostOutputs {
  const inputs = options.inputs ?? batchOf(subject.host.spec);
  const context = contextOf(subject, inputs.inputIds.shape[0], options);
  return subject.host.forward(inputs, method.intervene(effective, context), context);
}

/** Logits `[batch, labels]` of one pass. */
export const logitsOf = (subject: Subject, trained: Runnable, options: PassOptions = {}): tf.Tensor2D =>
  requireLogits(runPass(subject, trained, options));

/** One evaluation pass of given interventions. */
export function runInterventions(subject: Subject, interventions: Interventions, inputs?: HostInputs): HostOutputs {
  const used = inputs ?? batchOf(subject.host.spec);
  return subject.host.forward(used, interventions, contextOf(subject, used.inputIds.shape[0]));
}
