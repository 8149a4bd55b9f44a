/**
 * Grids of experiments: tasks x hosts x K x methods x seeds, their plans, runs, records and reports.
 * @module
 */
export { analyseGrid, type GridAnalysis } from '../grid/analyse-grid.js';
export type { OverallDifference, ParetoEntry } from '../grid/arm-comparisons.js';
export type { ItemAnalysis, RunPairs } from '../grid/item-analysis.js';
export type { RuleQuality, RunTrace } from '../grid/selection-quality.js';
export type { Arm } from '../grid/arm.js';
export { type ExpandedGrid, expandGrid, type GridCell } from '../grid/expand-grid.js';
export { type GridConfig, type GridConfigInput, type GridMethod, parseGrid } from '../grid/grid-config.js';
export {
  type ArmResult,
  type CellResults,
  gridFiles,
  readCell,
  readCellResults,
  readGrid,
  type StoredGrid,
} from '../grid/grid-folder.js';
export { type Calibration as GridCalibration, calibrateGrid } from '../grid/calibrate-grid.js';
export { type DesignPower, designPower, estimateSeconds } from '../grid/plan-grid.js';
export { type OpenedGrid, openGrid, type OpenGridOptions } from '../grid/plan-trials.js';
export { runGrid, type RunGridOptions } from '../grid/run-grid.js';
export type { Try } from '../grid/search-space.js';
export type { TextTable } from '../grid/grid-tables.js';
export { writeGridReport, type WrittenGridReport } from '../grid/write-grid-report.js';
export { type ColumnReader, openColumnReader, type ReadColumns } from '../records/column-reader.js';
export {
  type EvaluationRecord,
  type ItemRecords,
  readEvaluations,
  readItems,
  type RecordProvenance,
  type TrialRecords,
} from '../records/trial-records.js';
