import type { NamedArrays, ParameterPlan, Stream } from '@tfjs-peft/peft-core';
import type { Checkpoint } from './checkpoint.js';
import type { RunIdentity } from './run-identity.js';
import type { Selection } from './selection.js';
import type { StepCounts } from './train-config.js';
import type { MetricsRow } from './train-events.js';
import type { TrainingRequest } from './training-request.js';
import type { TrainingTensors } from './training-tensors.js';

/** What changes during a run. */
export interface TrainingState {
  tensors: TrainingTensors;
  /** Updates done. */
  step: number;
  /** Step of the last evaluation, 0 if none. */
  lastEvaluation: number;
  selection: Selection;
  /** Raw parameters of the best evaluated state. */
  best: NamedArrays | null;
  readonly history: MetricsRow[];
}

export interface TrainingRun extends TrainingRequest, StepCounts {
  readonly plan: ParameterPlan;
  readonly identity: RunIdentity;
  /** The stream that all others of this run are derived from. */
  readonly root: Stream;
  readonly state: TrainingState;
  /** Where the state comes from, if not from initial values. */
  readonly checkpoint: Checkpoint | null;
}
