import type { Host, NamedArrays, PeftMethod } from '@tfjs-peft/peft-core';
import type { Objective, Optimiser } from '@tfjs-peft/peft-core/authoring';
import type { BatchSource } from '../batches/batch-source.js';
import type { Evaluator } from '../evaluate/evaluator.js';
import type { UpdateRule } from '../step/update-rule.js';
import type { CheckpointStore } from './checkpoint-store.js';
import type { Best } from './selection.js';
import type { TrainConfig } from './train-config.js';
import type { MetricsRow, TrainEvent } from './train-events.js';

/** A run: where batches come from, what is minimised, by which rule, and what judges the result. Each can be a value of your own. */
export interface TrainingRequest<Targets> {
  readonly host: Host;
  readonly method: PeftMethod;
  /** `labelledTexts(examples, objective)` as a rule. */
  readonly source: BatchSource<Targets>;
  /** `crossEntropy()` as a rule. */
  readonly objective: Objective<Targets>;
  /** Chooses the best state, `scoreLogits(…)` as a rule. Null or absent: nothing is selected and the last state counts. */
  readonly evaluator?: Evaluator | null;
  /** The one that the configuration names if absent. */
  readonly optimiser?: Optimiser;
  /** How gradients come about; those of the loss of the batch if absent. */
  readonly rule?: UpdateRule<Targets>;
  /**
   * Raw parameters to start from; those that are missing start as the plan says. With all buffers that only `prepare` could give, such as an adapter
   * that is trained further has them, the method is not prepared again. Values of chosen places are nothing without the places.
   */
  readonly initial?: NamedArrays;
  /** From {@link parseTrainConfig}. */
  readonly config: TrainConfig;
  /** Of initial values, batch order, dropout and draws, each from a stream of its own. */
  readonly seed: number;
  /** Makes the run resumable: if it holds a checkpoint of this run, training goes on from there. */
  readonly store?: CheckpointStore;
  /** Is told what a run does, as it happens. */
  readonly onEvent?: (event: TrainEvent) => void;
  /** Ends the run after the current step, with a checkpoint if there is a store. */
  readonly signal?: AbortSignal;
}

/** The state that a rule chose. */
export interface Chosen {
  /** Effective parameters and buffers of the best state. */
  readonly effective: NamedArrays;
  /** Raw parameters and buffers of the best state. */
  readonly raw: NamedArrays;
  /** The last step if nothing was evaluated. */
  readonly bestStep: number;
  /** What the best state scored; null if nothing was evaluated. */
  readonly best: Best | null;
}

/** What a run learned, and how it went. */
export interface TrainingResult extends Chosen {
  /** After `prepare`. */
  readonly method: PeftMethod;
  /** What each of `config.selections` chose, by name. */
  readonly selections: ReadonlyMap<string, Chosen>;
  /** Updates done. */
  readonly steps: number;
  readonly stoppedEarly: boolean;
  readonly history: readonly MetricsRow[];
}
