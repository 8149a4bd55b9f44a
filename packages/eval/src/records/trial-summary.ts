import type { SimplexGeometry } from '@tfjs-peft/subspace';

/** Metrics of one evaluated split, on the scale that papers print (x 100; likelihoods and perplexities as they are). */
export interface SplitMetrics {
  /** The task's headline metric. */
  readonly headline: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** Of generated and scored texts: 95 % intervals over new test rows, by metric. */
  readonly intervals?: Readonly<Record<string, readonly [low: number, high: number]>>;
  /** How many of the metrics were undefined (a constant output) and count as 0. */
  readonly undefined: number;
  /** Number of rows evaluated. */
  readonly rows: number;
}

/** What one further rule of selection chose, and how that tests. */
export interface SelectedResult {
  readonly test: Readonly<Record<string, SplitMetrics>>;
  readonly dev: { readonly headline: number; readonly step: number };
  /** Bytes of its folded adapter's files; 0 where the trial's own rule chose the same state. */
  readonly fileBytes: number;
}

/** The result of one trial: `summary.json` of its folder. */
export interface TrialSummary {
  /** 12 hexadecimal digits of the configuration. */
  readonly id: string;
  /** Name of the method as the experiment gives it. */
  readonly method: string;
  readonly kind: 'floor' | 'trained';
  readonly dataSeed: number;
  /** Floors draw nothing in training: they run once a data seed, under the first training seed. */
  readonly trainSeed: number;
  readonly task: string;
  readonly shots: number;
  readonly status: 'done' | 'failed';
  /** Why it failed. */
  readonly error?: { readonly code: string; readonly message: string; readonly stack?: string };
  /** By name of the test split; empty if failed. */
  readonly test: Readonly<Record<string, SplitMetrics>>;
  /** Name of the test split that carries the headline, and of the headline metric. */
  readonly headlineSplit: string;
  readonly headlineMetric: string;
  /** The checkpoint that the development set chose; absent without one and for floors. */
  readonly dev?: { readonly headline: number; readonly step: number };
  /** What the development set chose by, where that is another metric than the test's. */
  readonly devMetric?: string;
  /** What further rules of selection chose in the same run, by name; absent in a run of one rule. */
  readonly selections?: Readonly<Record<string, SelectedResult>>;
  readonly steps: number;
  readonly stoppedEarly: boolean;
  /** Numbers that the optimiser changes, and numbers of the deployed adapter. */
  readonly trainableParameters: number;
  readonly effectiveParameters: number;
  /** Wall time of training and of the whole trial, in seconds; a resumed trial counts all its parts. */
  readonly trainSeconds: number;
  readonly seconds: number;
  readonly secondsPerStep: number;
  /** Bytes of the folded adapter's files. */
  readonly fileBytes: number;
  /** Largest resident memory of the process so far, in bytes. */
  readonly peakMemoryBytes: number;
  readonly simplex?: SimplexGeometry;
  readonly splitHash: string;
  /** Of all rows of the task, whatever the split: trials of one experiment share it. Absent in summaries of older versions, and of failed trials. */
  readonly dataHash?: string;
  /** Whole SHA-256 of the configuration without paths. */
  readonly configHash: string;
  readonly hostFingerprint: string;
  readonly backend: string;
  /** True where the task's files are a cut of the official ones: not for reported numbers. */
  readonly subset: boolean;
  /** Files of the trial, relative to the experiment folder. */
  readonly folder: string;
  readonly warnings: readonly string[];
}
