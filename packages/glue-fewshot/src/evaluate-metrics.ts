import { PeftError } from '@tfjs-peft/peft-core';
import { accuracy, f1, macroF1, matthews, type MetricValue } from './classification-metrics.js';
import { pearson, spearman } from './correlations.js';
import { classNames, type LabelledText, type LabelMetricName, type MetricName, type TaskDefinition } from './task.js';

/**
 * Which number stands for a task: UniPELT's choice (F1 before Matthews, Spearman, accuracy; the task's `headline`), or the mean of
 * its official metrics, as on the GLUE leaderboard.
 */
export type HeadlineMode = 'unipelt' | 'glue_mean';

/** All numbers are x 100. */
export interface MetricsResult {
  readonly values: Readonly<Partial<Record<MetricName, number>>>;
  readonly headline: number;
  /** Metrics whose formula was undefined (constant predictions, say); each counts as 0. */
  readonly undefinedMetrics: readonly MetricName[];
  readonly undefinedCount: number;
  /** Number of examples. */
  readonly count: number;
}

type Numbers = ArrayLike<number>;

const metrics: Readonly<Record<LabelMetricName, (predictions: Numbers, labels: Numbers) => MetricValue>> = {
  accuracy,
  f1,
  macro_f1: macroF1,
  matthews,
  pearson,
  spearman,
};

/** Errors: `METRIC_INPUT_INVALID`. */
function metricOf(name: MetricName) {
  if (Object.hasOwn(metrics, name)) return metrics[name as LabelMetricName];
  throw new PeftError('METRIC_INPUT_INVALID', {
    found: `metric "${name}" of labels`,
    expected: `one of ${Object.keys(metrics).join(', ')}`,
    fix: 'measure texts with measureText and textMetric',
  });
}

/**
 * Computes all metrics of a task. `predictions` are class indices, or the raw outputs of a regression; both lists are of one
 * length. Errors: `METRIC_INPUT_INVALID` for lists that are empty or differ in length.
 */
export function evaluateMetrics(
  task: Pick<TaskDefinition, 'metrics' | 'headline'>,
  predictions: Numbers,
  labels: Numbers,
  { headline = 'unipelt' }: { readonly headline?: HeadlineMode } = {},
): MetricsResult {
  if (predictions.length !== labels.length || labels.length === 0)
    throw new PeftError('METRIC_INPUT_INVALID', {
      found: `${predictions.length} predictions for ${labels.length} labels`,
      expected: 'one prediction for each label, and at least one',
      fix: 'evaluate the whole set; check that it is not empty',
    });
  const raw = task.metrics.map((name) => [name, metricOf(name)(predictions, labels)] as const);
  const values = Object.fromEntries(raw.map(([name, value]) => [name, 100 * (value ?? 0)])) as Record<
    MetricName,
    number
  >;
  const undefinedMetrics = raw.filter(([, value]) => value === undefined).map(([name]) => name);
  const mean = task.metrics.reduce((sum, name) => sum + values[name], 0) / task.metrics.length;
  return {
    values,
    headline: headline === 'glue_mean' ? mean : values[task.headline],
    undefinedMetrics,
    undefinedCount: undefinedMetrics.length,
    count: labels.length,
  };
}

/** The score of predicting the same for every example: the floor on which a run has learnt nothing. */
export interface Baseline extends MetricsResult {
  /** The class index, or the score, that is predicted. */
  readonly prediction: number;
  /** Its name: a label, or the score as text. */
  readonly predictionName: string;
}

type BaselineTask = Pick<TaskDefinition, 'metrics' | 'headline' | 'output'>;

/** Scores one constant prediction. Errors: `METRIC_INPUT_INVALID` for an empty set. */
export function constantBaseline(
  task: BaselineTask,
  prediction: number,
  testLabels: Numbers,
  options?: { readonly headline?: HeadlineMode },
): Baseline {
  const constant = new Float64Array(testLabels.length).fill(prediction);
  const predictionName =
    task.output.kind === 'classes' ? (task.output.labels[prediction] ?? String(prediction)) : String(prediction);
  return { ...evaluateMetrics(task, constant, testLabels, options), prediction, predictionName };
}

/**
 * Scores the most frequent training class (the lower index on a tie), or the mean training score of a regression, on the test
 * labels. Errors: `METRIC_INPUT_INVALID` for empty lists.
 */
export function majorityBaseline(
  task: BaselineTask,
  trainLabels: Numbers,
  testLabels: Numbers,
  options?: { readonly headline?: HeadlineMode },
): Baseline {
  const labels = Array.from(trainLabels);
  if (labels.length === 0)
    throw new PeftError('METRIC_INPUT_INVALID', {
      found: 'no training labels',
      fix: 'give the labels of the training rows',
    });
  if (task.output.kind === 'regression')
    return constantBaseline(task, labels.reduce((sum, label) => sum + label, 0) / labels.length, testLabels, options);
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const most = classNames(task.output)
    .map((_, label) => label)
    .reduce((best, label) => ((counts.get(label) ?? 0) > (counts.get(best) ?? 0) ? label : best), 0);
  return constantBaseline(task, most, testLabels, options);
}

/** The labels of a list of examples. */
export const labelsOf = (rows: readonly LabelledText[]): number[] => rows.map(({ label }) => label);
