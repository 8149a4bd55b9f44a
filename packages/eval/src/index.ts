/**
 * Experiments, and predictions with what they saved.
 * @module
 */
export {
  type DataConfig,
  type ExperimentConfig,
  type ExperimentConfigInput,
  type ModelConfig,
  parseExperiment,
  promptOfTask,
  type PromptConfig,
  type TestConfig,
} from './config/experiment-config.js';
export { type ResolvedExperiment, resolveExperiment } from './config/resolve-experiment.js';
export { parseYaml } from './config/parse-yaml.js';
export type {
  ExperimentEvent,
  OnExperimentEvent,
  TrialReference,
  TrialTrainEvent,
} from './records/experiment-event.js';
export { deleteExperimentFolder } from './experiment/delete-experiment-folder.js';
export { endWithParent } from './processes/end-with-parent.js';
export type { ExperimentResult } from './records/experiment-folder.js';
export { runExperiment, type RunExperimentOptions } from './experiment/run-experiment.js';
export { evaluateFolder, type EvaluateFolderOptions, type FolderEvaluation } from './predict/evaluate-folder.js';
export type { TestedAdapterOptions } from './predict/open-tested-adapter.js';
export { type LocatedAdapter, locateAdapter } from './predict/locate-adapter.js';
export { openAdapter, type OpenAdapterOptions, type OpenedAdapter } from './predict/open-adapter.js';
export { openSpeaker, type Speaker, type SpeakOptions, type SpokenText } from './predict/open-speaker.js';
export { openPredictor, type Predictor, type PredictorOptions } from './predict/open-predictor.js';
export {
  type AdapterForm,
  adapterForms,
  type ConvertedFolder,
  convertFolder,
  type ConvertOptions,
} from './deploy/convert-folder.js';
export type { DeployedFolder, DeployOptions } from './deploy/deploy-options.js';
export { exportFolder } from './deploy/export-folder.js';
export { mergeFolder } from './deploy/merge-folder.js';
export {
  analyseGradients,
  type AnalyseGradientsOptions,
  type GradientAnalysis,
  type GradientRow,
} from './analysis/analyse-gradients.js';
export {
  type Landscape,
  type LandscapeOptions,
  type LandscapeValue,
  measureLandscape,
} from './analysis/measure-landscape.js';
export { formatLandscape, landscapeReport } from './analysis/landscape-report.js';
export { adaptStart, type AdaptedTask, type AdaptOptions } from './prepared/adapt-start.js';
export { type PreparedRecord, readPreparedRecord } from './prepared/prepared-folder.js';
export { type PrepareEvent, type PrepareOptions, prepareStart } from './prepared/prepare-start.js';
export type { TaskColumns } from './prepared/read-tasks.js';
export type { MeanPoint } from './prepared/mean-curve.js';
export { type TriedStart, type TryOptions, tryStart } from './prepared/try-start.js';
export { formatGradients, gradientReport } from './analysis/gradient-report.js';
export { formatKernels, formatRanking, kernelReport } from './kernel/kernel-report.js';
export { computeKernelBlocks, type KernelProgress, type MeasureKernelsOptions } from './kernel/compute-kernels.js';
export type { KernelShare } from './kernel/kernel-cache.js';
export {
  type BehaviourMeasurement,
  type BehaviourOptions,
  kernelOfOptimiser,
  measureBehaviour,
  type OptimiserBehaviour,
  type OptimiserName,
  usualRates,
} from './kernel/measure-behaviour.js';
export { type KernelMeasurement, type KernelRow, measureKernels } from './kernel/measure-kernels.js';
export { type KernelJob, prepareKernels } from './kernel/prepare-kernels.js';
export { type RankedKernel, rankKernels } from './kernel/rank-kernels.js';
export {
  type BehaviourInput,
  type BehaviourVerdict,
  type KernelBehaviour,
  kernelBehaviour,
} from './kernel/kernel-behaviour.js';
