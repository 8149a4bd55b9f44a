export { train } from './run/train.js';
export type { Chosen, TrainingRequest, TrainingResult } from './run/training-request.js';
export {
  countSteps,
  optimiserOf,
  parseTrainConfig,
  type StepCounts,
  type TrainConfig,
  type TrainConfigInput,
} from './run/train-config.js';
export type { EvaluatedSelection, MetricsRow, TrainEvent } from './run/train-events.js';
export type { Best } from './run/selection.js';
export { checkpointName } from './run/checkpoint.js';
export { type CheckpointStore, createMemoryStore } from './run/checkpoint-store.js';
export { createIndexedDbStore } from './run/indexed-db-store.js';
export { prepareMethod, type PreparedBy } from './run/prepare-method.js';
export { startValues } from './run/start-values.js';
export { createEpochOrder } from './batches/batch-order.js';
export { type BatchSource, type TextBatch, toBatch } from './batches/batch-source.js';
export { identifyExamples, type LabelledExample, labelledTexts } from './batches/labelled-texts.js';
export { microBatches } from './step/micro-batches.js';
export type { UpdateRequest, UpdateRule } from './step/update-rule.js';
export {
  allTensors,
  type StepInput,
  type StepOutput,
  type StepSetting,
  trainingStep,
  type TrainingTensors,
} from './step/training-step.js';
export { type LabelledTask, labelledTask } from './labelled-task.js';
export {
  completion,
  identifyLanguage,
  type LanguageExample,
  languageTexts,
  packDocuments,
  wholeText,
} from './batches/language-texts.js';
export { nextToken, requireOutputEmbeddings, type TokenWeights } from './objectives/next-token.js';
export { type LanguageScore, perplexityOf, scoreTexts, type ScoreTextsOptions } from './evaluate/perplexity.js';
export { contrastiveTexts } from './batches/contrastive-texts.js';
export { type LogitsObjective, logitsObjective, type LogitsRules } from './objectives/logits-objective.js';
export { crossEntropy } from './objectives/cross-entropy.js';
export { squaredError } from './objectives/squared-error.js';
export { labelSets } from './objectives/label-sets.js';
export { type ContrastiveTermOptions, withContrastiveTerm } from './objectives/contrastive-term.js';
export { contrastivePairs, type ContrastivePairsOptions } from './objectives/contrastive-pairs.js';
export { adamW, type AdamWSettings } from './optimisers/adamw.js';
export { averageParameters } from './optimisers/average-parameters.js';
export { sgd, type SgdSettings } from './optimisers/sgd.js';
export { signDescent } from './optimisers/sign-descent.js';
export { type Decay, type Schedule, warmupThen } from './optimisers/schedule.js';
export { type GroupedSettings, groupParameters, type ParameterGroup } from './optimisers/parameter-groups.js';
export { withEffective } from './evaluate/with-effective.js';
export type { EvaluatedState, Evaluation, Evaluator, Score } from './evaluate/evaluator.js';
export { observe } from './evaluate/observe.js';
export { accuracy } from './evaluate/accuracy.js';
export { type ScoreFunction, scoreLogits, type ScoreLogitsOptions } from './evaluate/score-logits.js';
export type { ValidationConfig } from './evaluate/validation-config.js';
export { predictLogits, type PredictedLogits, type PredictOptions } from './evaluate/predict-logits.js';
export { extractFeatures, type FeatureOptions } from './probe/extract-features.js';
export {
  fitLinearModel,
  type LinearFitOptions,
  type LinearModel,
  linearProbe,
  type LinearProbe,
  type LinearProbeOptions,
} from './probe/linear-probe.js';
export { fitHead, type FitHeadOptions } from './probe/fit-head.js';
