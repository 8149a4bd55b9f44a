/**
 * Comparisons over seeds, intervals and tests.
 * @module
 */
export { compareMethods } from '../statistics/compare-methods.js';
export type {
  ComparableTrial,
  ComparisonOptions,
  ComparisonRow,
  ComparisonTable,
  Difference,
  PlannedTrial,
  ResultPoint,
} from '../statistics/comparison-table.js';
export { holm, type HolmResult } from '../statistics/holm.js';
export { type PairedDifference, pairedDifference, type Verdict } from '../statistics/paired-difference.js';
export { type Interval, summarise, type Summary } from '../statistics/summarise.js';
export { wilcoxonSignedRank } from '../statistics/wilcoxon.js';
