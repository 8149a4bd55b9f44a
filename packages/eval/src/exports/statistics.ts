/**
 * Comparisons over seeds, intervals and tests.
 * @module
 */
export { compareMethods } from '../statistics/compare-methods.js';
export { requireMethods } from '../statistics/require-methods.js';
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
export {
  type BootstrapEstimate,
  hierarchicalBootstrap,
  type HierarchicalBootstrapOptions,
  meanOf,
} from '../statistics/bootstrap.js';
export { type Calibration, calibration } from '../statistics/calibration.js';
export { type Equivalence, equivalence } from '../statistics/equivalence.js';
export { type FactorialCell, type FactorialEffect, factorialEffects } from '../statistics/factorial.js';
export { kendallTau, type TraceQuality, traceQuality, type TraceRule } from '../statistics/kendall-tau.js';
export { type McNemar, mcNemar } from '../statistics/mcnemar.js';
export { type ParetoCandidate, paretoProbability } from '../statistics/pareto.js';
export { signFlipTest } from '../statistics/permutation-test.js';
export { minimumDetectableEffect, pairedTPower, type PowerOptions } from '../statistics/power.js';
export { type RankStability, rankStability } from '../statistics/rank-stability.js';
export { type VarianceComponents, varianceComponents } from '../statistics/variance-components.js';
export { wilcoxonSignedRank } from '../statistics/wilcoxon.js';
