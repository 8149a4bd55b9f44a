import type { DataConfig } from '../config/experiment-config.js';
import type { ComparisonTable } from '../statistics/comparison-table.js';
import type { TrialSummary } from '../records/trial-summary.js';
import type { TrialHistory } from './plot-histories.js';

/** A classified test text, to look at. */
export interface ReportExample {
  readonly text: string;
  readonly textPair?: string;
  readonly label: string;
  readonly predicted: string;
  /** Of the predicted label, 0 to 1. */
  readonly probability: number;
}

/** All that a report shows; plain data. */
export interface ReportInput {
  /** Name of the experiment. */
  readonly title: string;
  /** The resolved configuration and whatever describes the machine; shown as they are. */
  readonly experiment: unknown;
  readonly environment?: unknown;
  readonly table: ComparisonTable;
  readonly trials: readonly TrialSummary[];
  /** How the splits were made, which says what K counts. */
  readonly protocol?: DataConfig['protocol'];
  readonly histories?: readonly TrialHistory[];
  readonly examples?: { readonly method: string; readonly rows: readonly ReportExample[] };
  /** More sentences for the notes under the table, such as that the run is shorter than a serious one. */
  readonly remarks?: readonly string[];
}
