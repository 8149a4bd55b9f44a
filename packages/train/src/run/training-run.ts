import type { Stream } from '@tfjs-peft/peft-core';
import type { ActivationStore, ParameterPlan } from '@tfjs-peft/peft-core/authoring';
import type { Evaluator } from '../evaluate/evaluator.js';
import type { GroupedSettings } from '../optimisers/parameter-groups.js';
import type { StepSetting } from '../step/training-step.js';
import type { Checkpoint } from './checkpoint.js';
import type { RunIdentity } from './run-identity.js';
import type { StepCounts } from './train-config.js';
import type { MetricsRow } from './train-events.js';
import type { TrainingRequest } from './training-request.js';
import type { TrainingState } from './training-state.js';

/** A run with all that is decided once. */
export interface TrainingRun<Targets> extends TrainingRequest<Targets>, StepSetting<Targets>, StepCounts {
  readonly optimiser: StepSetting<Targets>['optimiser'];
  readonly evaluator: Evaluator | null;
  readonly plan: ParameterPlan;
  readonly groups: GroupedSettings;
  readonly identity: RunIdentity;
  /** The stream that all others of this run are derived from. */
  readonly root: Stream;
  /** Of the batches. */
  readonly order: Stream;
  /** What the passes of its host remember; freed at its end. */
  readonly activations: ActivationStore;
  /** Where the first state comes from, if not from initial values. */
  readonly checkpoint: Checkpoint | null;
}

/** The next state of a run, and what is to be said about how it came. */
export interface Progress {
  readonly state: TrainingState;
  readonly row: MetricsRow;
}
