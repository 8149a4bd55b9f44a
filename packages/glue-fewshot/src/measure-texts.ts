import { PeftError } from '@tfjs-peft/peft-core';
import { addBleuCounts, type BleuCounts, bleuCounts, bleuOf } from './bleu.js';
import { distinct } from './distinct.js';
import { rouge } from './rouge.js';
import type { MetricName, TaskDefinition, TextMetricName } from './task.js';

/** What a model said about one row. */
export interface WrittenText {
  readonly references: readonly string[];
  /** Sum of the natural logarithms of the probabilities of the tokens of the first reference. */
  readonly logLikelihood: number;
  /** Of the first reference. */
  readonly tokens: number;
  readonly bytes: number;
  /** What was generated; absent where no metric asks for it. */
  readonly text?: string;
}

/** What the metrics of many rows are made of, for one row. */
export interface TextMeasures extends Pick<WrittenText, 'logLikelihood' | 'tokens' | 'bytes' | 'text'> {
  readonly rouge?: ReturnType<typeof rouge>;
  readonly bleu?: BleuCounts;
}

interface TextMetric {
  /** Whether a text must be generated. */
  readonly generates: boolean;
  /** Whether it is a function of sums over rows, so that rows may be drawn again for an interval. */
  readonly resamples: boolean;
  readonly value: (rows: readonly TextMeasures[]) => number;
}

const sum = (rows: readonly TextMeasures[], pick: (row: TextMeasures) => number) =>
  rows.reduce((total, row) => total + pick(row), 0);

const likelihood = (value: (logLikelihood: number, of: { tokens: number; bytes: number }) => number): TextMetric => ({
  generates: false,
  resamples: true,
  value: (rows) =>
    value(
      sum(rows, (row) => row.logLikelihood),
      { tokens: sum(rows, (row) => row.tokens), bytes: sum(rows, (row) => row.bytes) },
    ),
});
const rougeMean = (kind: 'rouge1' | 'rouge2' | 'rougeL'): TextMetric => ({
  generates: true,
  resamples: true,
  value: (rows) => (100 * sum(rows, (row) => row.rouge![kind])) / rows.length,
});
const distinctOf = (size: number): TextMetric => ({
  generates: true,
  // A row that is drawn twice brings nothing new.
  resamples: false,
  value: (rows) =>
    100 *
    distinct(
      rows.map((row) => row.text!),
      size,
    ),
});

const metrics: Readonly<Record<TextMetricName, TextMetric>> = {
  log_likelihood: likelihood((total, { tokens }) => (100 * total) / tokens),
  perplexity: likelihood((total, { tokens }) => Math.exp(-total / tokens)),
  byte_perplexity: likelihood((total, { bytes }) => Math.exp(-total / bytes)),
  rouge1: rougeMean('rouge1'),
  rouge2: rougeMean('rouge2'),
  rougeL: rougeMean('rougeL'),
  bleu: {
    generates: true,
    resamples: true,
    value: (rows) => 100 * bleuOf(addBleuCounts(rows.map((row) => row.bleu!))),
  },
  distinct1: distinctOf(1),
  distinct2: distinctOf(2),
};

/** Errors: `METRIC_INPUT_INVALID` for a metric of labels. */
function metricOf(name: MetricName): TextMetric {
  if (Object.hasOwn(metrics, name)) return metrics[name as TextMetricName];
  throw new PeftError('METRIC_INPUT_INVALID', {
    found: `metric "${name}" of texts`,
    expected: `one of ${Object.keys(metrics).join(', ')}`,
    fix: 'measure labels with evaluateMetrics',
  });
}

/** Whether some metric of a task looks at generated texts. */
export const needsGeneration = ({ metrics: names }: Pick<TaskDefinition, 'metrics'>): boolean =>
  names.some((name) => metricOf(name).generates);

/** Whether a metric is one of sums over rows, of which a bootstrap gives an interval. */
export const isResampled = (name: MetricName): boolean => metricOf(name).resamples;

/** Of one row: once for all metrics and all draws of an interval. ROUGE counts stems, BLEU is not lower-cased. */
export function measureText({ references, text, logLikelihood, tokens, bytes }: WrittenText): TextMeasures {
  const common = { logLikelihood, tokens, bytes };
  if (text === undefined) return common;
  return { ...common, text, rouge: rouge(text, references, { stem: true }), bleu: bleuCounts(text, references) };
}

/** A metric of many rows. Errors: `METRIC_INPUT_INVALID` for none, or for a metric of labels. */
export function textMetric(name: MetricName, rows: readonly TextMeasures[]): number {
  if (rows.length > 0) return metricOf(name).value(rows);
  throw new PeftError('METRIC_INPUT_INVALID', { found: 'no texts', expected: 'at least one' });
}
