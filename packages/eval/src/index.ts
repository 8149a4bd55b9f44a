// trials
export {
  type DataConfig,
  type ExperimentConfig,
  experimentConfig,
  type ExperimentConfigInput,
  type ModelConfig,
  parseExperiment,
  type TestConfig,
} from './config/experiment-config.js';
export { type ResolvedExperiment, resolveExperiment } from './config/resolve-experiment.js';
export { parseYaml, yamlLimits } from './config/parse-yaml.js';
export { hashTrial, type TrialConfig, trialFolderName, trialId, type TrialMethod } from './config/trial-config.js';
export { completeMethod, expandMethod } from './methods/complete-method.js';
export { type GivenPlugins, loadGivenPlugins, loadPlugins } from './methods/load-plugins.js';
export { type Catalogue, createCatalogue, type EvalPlugin, findPreset } from './methods/plugins.js';
export { builtInPresets, type FloorName, type MethodPreset } from './methods/presets.js';
export {
  isAdapterFolder,
  readAdapterFolder,
  type ReadAdapterOptions,
  writeAdapterFolder,
} from './run-folder/adapter-folder.js';
export { createFolderStore } from './run-folder/folder-checkpoint-store.js';
export { readSummary, readTrialConfig, trialFiles } from './records/trial-folder.js';
export { ensureWritableFolder, writeFileAtomically } from './run-folder/write-file-atomically.js';
export { runTrial, type RunTrialOptions } from './trial/run-trial.js';
export { openTaskData, type TaskData, type TrialSplit } from './trial/task-data.js';
export { openSession, type Session, type SessionOptions } from './trial/session.js';
export type { SplitMetrics, TrialSummary } from './records/trial-summary.js';
export type {
  ExperimentEvent,
  OnExperimentEvent,
  TrialReference,
  TrialTrainEvent,
} from './records/experiment-event.js';
export { deleteExperimentFolder } from './experiment/delete-experiment-folder.js';
export { endWithParent } from './experiment/end-with-parent.js';
export { experimentFiles, type ExperimentResult } from './records/experiment-folder.js';
export { runExperiment, type RunExperimentOptions } from './experiment/run-experiment.js';
export { evaluateFolder, type EvaluateFolderOptions, type FolderEvaluation } from './predict/evaluate-folder.js';
export { type LocatedAdapter, locateAdapter } from './predict/locate-adapter.js';
export { openAdapter, type OpenAdapterOptions, type OpenedAdapter } from './predict/open-adapter.js';
export {
  openPredictor,
  type Prediction,
  type Predictor,
  type PredictorInput,
  type PredictorOptions,
} from './predict/open-predictor.js';
export {
  analyseGradients,
  type AnalyseGradientsOptions,
  type GradientAnalysis,
  type GradientRow,
} from './analysis/analyse-gradients.js';
export { formatGradients, gradientReport } from './analysis/gradient-report.js';
export { predictAtPoint, type PointRequest } from './trial/predict-at-point.js';

// statistics and reports
export { compareMethods } from './statistics/compare-methods.js';
export type {
  ComparableTrial,
  ComparisonOptions,
  ComparisonRow,
  ComparisonTable,
  Difference,
  PlannedTrial,
  ResultPoint,
} from './statistics/comparison-table.js';
export { holm, type HolmResult } from './statistics/holm.js';
export { type PairedDifference, pairedDifference, type Verdict } from './statistics/paired-difference.js';
export { studentTCumulative, studentTQuantile, studentTTwoSided } from './statistics/student-t.js';
export { type Interval, summarise, type Summary } from './statistics/summarise.js';
export { wilcoxonSignedRank } from './statistics/wilcoxon.js';
export { type Finding, findings } from './report/findings.js';
export { formatTable, markdownTable } from './report/format-table.js';
export { htmlReport } from './report/html-report.js';
export type { ReportExample, ReportInput } from './report/report-input.js';
export { plotSvg } from './report/plot-comparison.js';
export { historySvg, type TrialHistory } from './report/plot-histories.js';
export { printable } from '@tfjs-peft/peft-core';
export { formatBytes, formatNumber, formatSeconds } from './report/table-cells.js';
export { readHistories } from './report/read-histories.js';
export { readResults } from './records/read-results.js';
export { writeReports, type WriteReportsOptions, type WrittenReports } from './report/write-reports.js';
