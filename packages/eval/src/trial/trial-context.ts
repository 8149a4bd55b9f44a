import type { TrialConfig } from '../config/trial-config.js';
import type { TrialTrainEvent } from '../records/experiment-event.js';
import type { Session } from './session.js';
import type { TrialSplit } from './task-data.js';
import type { RecordProvenance } from '../records/trial-records.js';
import type { TrialSummary } from '../records/trial-summary.js';

/** What the parts of a trial need. */
export interface TrialContext {
  readonly trial: TrialConfig;
  readonly folder: string;
  readonly session: Session;
  readonly split: TrialSplit;
  readonly signal?: AbortSignal;
  /** Of the records. */
  readonly provenance: RecordProvenance;
  readonly phase: (text: string) => void;
  readonly progress: (what: string) => (progress: { readonly done: number; readonly total: number }) => void;
  readonly warn: (text: string) => void;
  readonly onTrain: (event: TrialTrainEvent) => void;
  /** Seconds that this trial has taken so far, those before an interruption included. */
  readonly seconds: () => number;
}

/** What learning and testing contribute to a summary. */
export type TrialOutcome = Pick<
  TrialSummary,
  | 'test'
  | 'dev'
  | 'devMetric'
  | 'selections'
  | 'steps'
  | 'stoppedEarly'
  | 'trainableParameters'
  | 'effectiveParameters'
  | 'trainSeconds'
  | 'secondsPerStep'
  | 'fileBytes'
  | 'simplex'
>;
