import type { ParameterCount } from '@tfjs-peft/peft-core';
import type { ActivationReport, ParameterPlan } from '@tfjs-peft/peft-core/authoring';

/** One line of metrics.jsonl. `milliseconds` differs between two runs of the same configuration and backend, and `tensors` with what a run keeps or others hold. */
export interface MetricsRow {
  /** Updates so far. */
  readonly step: number;
  /** Passes over the training data so far, a fraction. */
  readonly epoch: number;
  readonly split: 'train' | 'dev';
  /** The task's loss, without penalty. */
  readonly loss: number;
  readonly penalty?: number;
  /** What else was added to the loss, by name. */
  readonly terms?: Readonly<Record<string, number>>;
  readonly headline?: number;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly midpointMetrics?: Readonly<Record<string, number>>;
  /** What each further rule saw, and whether it is the best so far by that rule. */
  readonly selections?: Readonly<Record<string, EvaluatedSelection>>;
  /** What was measured for the record only, by name. */
  readonly observed?: Readonly<Record<string, number>>;
  /** Whether this evaluation is the best so far. */
  readonly best?: boolean;
  readonly learningRate?: number;
  /** Global norm before clipping. */
  readonly gradientNorm?: number;
  readonly milliseconds: number;
  /** `tf.memory().numTensors` afterwards. */
  readonly tensors: number;
}

/** One evaluation by one of several rules. */
export interface EvaluatedSelection {
  readonly headline: number;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly best: boolean;
}

/** What a run says while it goes on. */
export type TrainEvent =
  | { readonly type: 'prepare'; readonly done: number; readonly total: number }
  | {
      readonly type: 'start';
      readonly plan: ParameterPlan;
      readonly counts: ParameterCount;
      readonly steps: number;
      readonly stepsPerEpoch: number;
      readonly evaluateEvery: number;
      /** Step of the checkpoint that this run goes on from. */
      readonly resumedFrom: number | null;
      /** Rows up to there, in order: what metrics.jsonl must hold before the next row is appended. */
      readonly history: readonly MetricsRow[];
    }
  | {
      readonly type: 'step';
      readonly step: number;
      readonly steps: number;
      readonly epoch: number;
      readonly loss: number;
      readonly penalty: number;
      readonly gradientNorm: number;
      readonly learningRate: number;
      readonly milliseconds: number;
      readonly tensors: number;
      /** Until the last step, evaluations included; early stopping may make it shorter. */
      readonly etaSeconds: number;
      readonly row: MetricsRow;
    }
  | {
      readonly type: 'evaluation';
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      readonly metrics: Readonly<Record<string, number>>;
      readonly midpointMetrics?: Readonly<Record<string, number>>;
      readonly headline: number;
      /** Whether this is the best state so far. */
      readonly best: boolean;
      readonly bestStep: number;
      readonly bestHeadline: number;
      /** Evaluations since the best one. */
      readonly waited: number;
      readonly milliseconds: number;
      readonly row: MetricsRow;
    }
  | { readonly type: 'warning'; readonly text: string }
  | {
      readonly type: 'end';
      readonly steps: number;
      readonly bestStep: number;
      readonly stoppedEarly: boolean;
      /** What was saved by keeping activations below all that the method acts on; absent where nothing could be kept. */
      readonly activations?: ActivationReport;
    };
