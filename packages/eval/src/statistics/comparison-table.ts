import type { PairedDifference } from './paired-difference.js';
import type { Summary } from './summarise.js';

/** What a comparison needs to know of a trial; a `TrialSummary` is one. Metrics are scaled by 100. */
export interface ComparableTrial {
  readonly method: string;
  /** Floors train nothing on the host; they come first in the table and are not compared with each other. */
  readonly kind: 'floor' | 'trained';
  readonly dataSeed: number;
  readonly trainSeed: number;
  readonly status: 'done' | 'failed';
  readonly error?: { readonly message: string };
  readonly test?: Readonly<Record<string, { readonly headline: number; readonly undefined?: number }>>;
  readonly headlineSplit?: string;
  readonly headlineMetric?: string;
  readonly splitHash?: string;
  readonly trainableParameters?: number;
  readonly effectiveParameters?: number;
  readonly seconds?: number;
  readonly secondsPerStep?: number;
  readonly fileBytes?: number;
  readonly steps?: number;
  /** True where the data was a cut of the official set. */
  readonly subset?: boolean;
}

/** A planned cell of the comparison; those without a finished trial are shown as missing. */
export interface PlannedTrial {
  readonly method: string;
  readonly kind?: 'floor' | 'trained';
  readonly dataSeed: number;
  readonly trainSeed: number;
}

/** What is compared with what, and at which error rate. */
export interface ComparisonOptions {
  /** Methods that every trained method is compared with. Default: the last floor, or without floors the first method. */
  readonly references?: readonly string[];
  /** Which test split; default the one that carries the headline. */
  readonly split?: string;
  readonly planned?: readonly PlannedTrial[];
  /** Family-wise error rate of the verdicts; intervals of single methods have confidence `1 - alpha`. Default 0.05. */
  readonly alpha?: number;
}

/** The headline metric of one trial. */
export interface ResultPoint {
  readonly dataSeed: number;
  readonly trainSeed: number;
  readonly value: number;
}

/** A paired difference as one of a family: `interval` and `verdict` are Holm-corrected for the number of comparisons in the table. */
export interface Difference extends PairedDifference {
  readonly holmP: number | null;
  /** The interval's confidence is `1 - alpha`. */
  readonly alpha: number;
}

/** One method. `n`, mean, standard deviation and interval are over units (see {@link ComparisonTable.unit}), not over trials. */
export interface ComparisonRow extends Summary {
  readonly method: string;
  readonly kind: 'floor' | 'trained';
  readonly done: number;
  readonly failed: number;
  /** Planned, but without a result: failed trials, those that have not run, those whose metric is not a finite number. */
  readonly missing: number;
  readonly points: readonly ResultPoint[];
  /** By reference; null where no pair on identical splits exists. */
  readonly differences: Readonly<Record<string, Difference | null>>;
  readonly trainableParameters: number | null;
  readonly effectiveParameters: number | null;
  /** Means over the trials with a result. */
  readonly seconds: number | null;
  readonly secondsPerStep: number | null;
  readonly fileBytes: number | null;
}

/** All methods of an experiment with their means and paired differences; plain JSON. */
export interface ComparisonTable {
  readonly split: string;
  readonly metric: string;
  readonly alpha: number;
  /**
   * What one of the `n` values is: a data split (the mean over its train seeds; runs on one split are no independent draws of the data), or,
   * with a single data split, a train seed.
   */
  readonly unit: 'data split' | 'train seed';
  readonly dataSeeds: readonly number[];
  readonly trainSeeds: readonly number[];
  /** Floors first, then the others in the order of the experiment: never sorted by result. */
  readonly rows: readonly ComparisonRow[];
  readonly references: readonly string[];
  /** How many comparisons the Holm correction covers. */
  readonly comparisons: number;
  /** What the figures mean and what is wrong with them, in sentences; belongs under every rendering of the table. */
  readonly notes: readonly string[];
}
