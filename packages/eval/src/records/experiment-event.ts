import type { TrainEvent } from '@tfjs-peft/train';
import type { TrialConfig } from '../config/trial-config.js';
import { trialFolderName, trialId } from '../config/trial-config.js';
import type { TrialSummary } from './trial-summary.js';

/** A trial as events name it; plain JSON. */
export interface TrialReference {
  readonly id: string;
  readonly method: string;
  readonly kind: 'floor' | 'trained';
  readonly dataSeed: number;
  readonly trainSeed: number;
  /** Place in the experiment's plan, from 0. */
  readonly index: number;
  /** Name of its folder below `trials/`. */
  readonly folder: string;
  /** Of a grid: task, host and K. */
  readonly cell?: string;
}

/** What happens while an experiment runs, in order; plain JSON, so that child processes can pass it on. */
export type ExperimentEvent =
  | {
      readonly type: 'plan';
      readonly trials: readonly TrialReference[];
      /** Ids of those that are there already and are used as they are. */
      readonly finished: readonly string[];
    }
  | { readonly type: 'phase'; readonly trial?: TrialReference; readonly text: string }
  | { readonly type: 'trial-start'; readonly trial: TrialReference }
  | {
      readonly type: 'trial-end';
      readonly trial: TrialReference;
      readonly summary: TrialSummary;
      /** True where the result was there already. */
      readonly reused: boolean;
    }
  | { readonly type: 'train'; readonly trial: TrialReference; readonly event: TrialTrainEvent }
  | {
      readonly type: 'progress';
      readonly trial?: TrialReference;
      /** `evaluate test`, `frozen features`, ... */
      readonly what: string;
      readonly done: number;
      readonly total: number;
    }
  | { readonly type: 'warning'; readonly trial?: TrialReference; readonly text: string };

/** Training events without what is large: the plan, and the history that is in metrics.jsonl already. */
export type TrialTrainEvent =
  | Exclude<TrainEvent, { readonly type: 'start' }>
  | Omit<Extract<TrainEvent, { readonly type: 'start' }>, 'plan' | 'history'>;

/** Is told what an experiment does, as it happens. */
export type OnExperimentEvent = (event: ExperimentEvent) => void;

export const referTo = (trial: TrialConfig, index: number): TrialReference => ({
  id: trialId(trial),
  method: trial.method.name,
  kind: trial.method.kind,
  dataSeed: trial.seed.data,
  trainSeed: trial.seed.train,
  index,
  folder: trialFolderName(trial),
});
