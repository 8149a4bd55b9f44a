import type { EncodedText, Host, NamedArrays, PeftMethod } from '@tfjs-peft/peft-core';
import type { CheckpointStore } from './checkpoint-store.js';
import type { ScoreFunction } from './evaluate.js';
import type { LossKind } from './loss.js';
import type { Best } from './selection.js';
import type { TrainConfig } from './train-config.js';
import type { MetricsRow, TrainEvent } from './train-events.js';

export interface TrainingExample {
  readonly text: EncodedText;
  /** Class index, or the number to predict in a regression. */
  readonly label: number;
}

export interface TrainingRequest {
  readonly host: Host;
  readonly method: PeftMethod;
  readonly train: readonly TrainingExample[];
  /** May be empty: nothing is selected then and the last state counts. */
  readonly dev: readonly TrainingExample[];
  readonly loss: LossKind;
  readonly score: ScoreFunction;
  /** From {@link parseTrainConfig}. */
  readonly config: TrainConfig;
  /** Of initial values, batch order, dropout and draws, each from a stream of its own. */
  readonly seed: number;
  /** Makes the run resumable: if it holds a checkpoint of this run, training goes on from there. */
  readonly store?: CheckpointStore;
  readonly onEvent?: (event: TrainEvent) => void;
  /** Ends the run after the current step, with a checkpoint if there is a store. */
  readonly signal?: AbortSignal;
}

export interface TrainingResult {
  /** After `prepare`. */
  readonly method: PeftMethod;
  /** Effective parameters of the best state. */
  readonly effective: NamedArrays;
  /** Raw parameters of the best state. */
  readonly raw: NamedArrays;
  /** The last step if there is no dev set. */
  readonly bestStep: number;
  /** What the best state scored; null without a dev set. */
  readonly best: Best | null;
  /** Updates done. */
  readonly steps: number;
  readonly stoppedEarly: boolean;
  readonly history: readonly MetricsRow[];
}
