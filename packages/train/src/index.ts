export { train } from './train.js';
export type { TrainingExample, TrainingRequest, TrainingResult } from './training-request.js';
export {
  countSteps,
  parseTrainConfig,
  type StepCounts,
  type TrainConfig,
  type TrainConfigInput,
} from './train-config.js';
export type { MetricsRow, TrainEvent } from './train-events.js';
export type { Best } from './selection.js';
export type { LossKind } from './loss.js';
export { evaluate, type EvaluateOptions, type Evaluation, type Score, type ScoreFunction } from './evaluate.js';
export { predictLogits, type PredictedLogits, type PredictOptions } from './predict-logits.js';
export { checkpointName } from './checkpoint.js';
export { type CheckpointStore, createMemoryStore } from './checkpoint-store.js';
export { applyAdamW, type AdamWInput, type AdamWOutput, type AdamWSettings } from './adamw.js';
export { learningRateFactor } from './schedule.js';
export { extractFeatures, type FeatureOptions } from './extract-features.js';
export { linearProbe, type LinearProbe, type LinearProbeOptions } from './linear-probe.js';
