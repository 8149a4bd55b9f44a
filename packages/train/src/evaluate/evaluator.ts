import { type Host, type Parameters, PeftError, type PeftMethod, type Stream } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import type { ValidationConfig } from './validation-config.js';

/** How good a state is: `headline` chooses between states, larger is better. NaN counts as the worst. */
export interface Score {
  readonly headline: number;
  readonly metrics: Readonly<Record<string, number>>;
}

export interface Evaluation extends Score {
  readonly loss: number;
  /** Of the deterministic pass, beside a drawn one. */
  readonly midpointMetrics?: Readonly<Record<string, number>>;
  /** For the record only, by name: no choice looks at it. */
  readonly observed?: Readonly<Record<string, number>>;
}

/** A state of a run, and what its evaluation may use. */
export interface EvaluatedState {
  readonly host: Host;
  readonly method: PeftMethod;
  readonly effective: Parameters;
  /** What the optimiser changes; lent, as all tensors here. */
  readonly raw: Parameters;
  readonly config: { readonly validation: ValidationConfig; readonly evaluationBatchSize: number };
  /** Draws and dropout of this evaluation. */
  readonly stream: Stream;
  readonly signal?: AbortSignal;
}

/** Judges states of a run; chooses the best one. */
export interface Evaluator {
  /** What it looks at, as data: a run continues only with the same. */
  readonly identity: JsonObject;
  /** Errors: `PREDICTION_ABORTED` when the signal ends it: nothing has changed then. */
  evaluate(state: EvaluatedState): Promise<Evaluation>;
  /**
   * The same state by several rules: equal to one `evaluate` each, with fewer passes. The states differ in `config.validation` and may share
   * streams, by identity.
   */
  evaluateAll?(states: readonly EvaluatedState[]): Promise<Evaluation[]>;
}

/** Errors: `DEV_EMPTY`: of no examples every state is as good as the first. */
export function requireDev(examples: readonly unknown[]): void {
  if (examples.length > 0) return;
  throw new PeftError('DEV_EMPTY', {
    found: 'an evaluator of no examples',
    expected: 'one at least',
    fix: 'give `evaluator: null`: nothing is selected then, and the last state counts',
  });
}
