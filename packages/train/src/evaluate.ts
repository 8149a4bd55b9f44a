import type { EncodedText, Host, Parameters, PeftMethod, Stream } from '@tfjs-peft/peft-core';
import { type LossKind, meanLoss } from './loss.js';
import { predictLogits } from './predict-logits.js';
import type { TrainConfig } from './train-config.js';

/** How good predictions are: `headline` chooses between states, larger is better. NaN counts as the worst. */
export interface Score {
  readonly headline: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Scores logits `[rows, labels]` (row-major) against one label a row. */
export type ScoreFunction = (logits: Float32Array, labels: readonly number[]) => Score;

export interface EvaluateOptions {
  readonly host: Host;
  readonly method: PeftMethod;
  readonly effective: Parameters;
  readonly texts: readonly EncodedText[];
  readonly labels: readonly number[];
  readonly loss: LossKind;
  readonly score: ScoreFunction;
  readonly config: Pick<TrainConfig, 'validation' | 'evaluationBatchSize'>;
  /** Draws and dropout of this evaluation. */
  readonly stream: Stream;
  readonly signal?: AbortSignal;
}

export interface Evaluation extends Score {
  readonly loss: number;
  /** Of the deterministic pass, beside a drawn one. */
  readonly midpointMetrics?: Readonly<Record<string, number>>;
}

/**
 * The validation metric. Draws that are all equal (a method with nothing to draw) are scored once, so that rounding in a pooled or averaged
 * metric cannot make them differ from the deterministic evaluation.
 * Errors: those of {@link predictLogits}; `LABEL_INVALID`, `LOGITS_MISSHAPEN`.
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { validation, evaluationBatchSize } = options.config;
  const predict = (mode: 'evaluate' | 'sample' | 'train', draws: number) =>
    predictLogits({ ...options, batchSize: evaluationBatchSize, mode, draws });
  const scoreMidpoint = async () => {
    const { logits, labels } = await predict('evaluate', 1);
    return scoreDraws([logits], labels, options);
  };
  if (validation.mode === 'midpoint') return scoreMidpoint();
  const { logits, labels } = await predict(validation.mode === 'dropout' ? 'train' : 'sample', validation.draws);
  const size = options.texts.length * labels;
  const draws = Array.from({ length: validation.draws }, (_, draw) => logits.subarray(draw * size, (draw + 1) * size));
  const evaluation = scoreDraws(
    draws.every((draw) => sameBits(draw, draws[0]!)) ? draws.slice(0, 1) : draws,
    labels,
    options,
  );
  if (!validation.logMidpoint) return evaluation;
  return { ...evaluation, midpointMetrics: (await scoreMidpoint()).metrics };
}

/** Draws `[texts, columns]` each. The loss is that of the predictions that are scored. */
export function scoreDraws(
  draws: readonly Float32Array[],
  columns: number,
  { labels, loss, score, config }: Pick<EvaluateOptions, 'labels' | 'loss' | 'score' | 'config'>,
): Evaluation {
  const scoreOne = (logits: Float32Array, repeated: readonly number[]): Evaluation => ({
    ...score(logits, repeated),
    loss: meanLoss(loss, logits, columns, repeated),
  });
  if (draws.length === 1) return scoreOne(draws[0]!, labels);
  switch (config.validation.aggregate) {
    case 'pooled':
      return scoreOne(
        concatenate(draws),
        draws.flatMap(() => labels),
      );
    case 'mean':
      return meanEvaluation(draws.map((draw) => scoreOne(draw, labels)));
    case 'ensemble':
      return scoreOne(loss === 'cross_entropy' ? logOfMeanProbability(draws, columns) : meanOf(draws), labels);
  }
}

function meanEvaluation(evaluations: readonly Evaluation[]): Evaluation {
  const mean = (value: (evaluation: Evaluation) => number) =>
    evaluations.reduce((sum, evaluation) => sum + value(evaluation), 0) / evaluations.length;
  return {
    headline: mean(({ headline }) => headline),
    loss: mean(({ loss }) => loss),
    metrics: Object.fromEntries(
      Object.keys(evaluations[0]!.metrics).map((name) => [name, mean(({ metrics }) => metrics[name] ?? NaN)]),
    ),
  };
}

/** Logarithms of the mean probabilities: logits whose softmax is the ensemble. `[texts, columns]` */
function logOfMeanProbability(draws: readonly Float32Array[], columns: number): Float32Array {
  const sums = new Float64Array(draws[0]!.length);
  for (const draw of draws)
    for (let start = 0; start < draw.length; start += columns) {
      const row = draw.subarray(start, start + columns);
      const largest = Math.max(...row);
      const total = row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
      row.forEach((logit, column) => (sums[start + column]! += Math.exp(logit - largest) / total));
    }
  return Float32Array.from(sums, (sum) => Math.log(Math.max(sum / draws.length, 1e-300)));
}

const meanOf = (draws: readonly Float32Array[]): Float32Array =>
  draws[0]!.map((_, index) => draws.reduce((sum, draw) => sum + draw[index]!, 0) / draws.length);

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(parts.reduce((size, { length }) => size + length, 0));
  parts.reduce((offset, part) => (result.set(part, offset), offset + part.length), 0);
  return result;
}

const sameBits = (a: Float32Array, b: Float32Array): boolean => a.every((value, index) => Object.is(value, b[index]));
