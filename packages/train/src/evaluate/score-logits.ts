import type { LogitsObjective } from '../objectives/logits-objective.js';
import { checkExamples, identifyExamples, type LabelledExample } from '../batches/labelled-texts.js';
import type { Evaluation, Evaluator, Score } from './evaluator.js';
import { predictLogits } from './predict-logits.js';
import type { ValidationConfig } from './validation-config.js';

/** Scores logits `[rows, labels]` (row-major) against one target a row. */
export type ScoreFunction<Target = number> = (logits: Float32Array, targets: readonly Target[]) => Score;

/** On which examples states are judged, and by which measure. */
export interface ScoreLogitsOptions<Target> {
  readonly examples: readonly LabelledExample<Target>[];
  readonly objective: LogitsObjective<Target>;
  readonly score: ScoreFunction<Target>;
}

/**
 * Judges states by their logits of held-out texts. Draws that are all equal (a method with nothing to draw) are scored once, so that rounding in a
 * pooled or averaged metric cannot make them differ from the deterministic evaluation.
 * Errors: `TEXT_EMPTY`, `LABEL_INVALID`; of the evaluation those of {@link predictLogits}, `LABEL_INVALID`, `LOGITS_MISSHAPEN`.
 */
export function scoreLogits<Target>(options: ScoreLogitsOptions<Target>): Evaluator {
  checkExamples(options.examples, options.objective, 'dev');
  const texts = options.examples.map(({ text }) => text);
  return {
    identity: { ...identifyExamples(options.examples), objective: options.objective.id },
    async evaluate(state) {
      const { validation, evaluationBatchSize: batchSize } = state.config;
      const predict = (mode: 'evaluate' | 'sample' | 'train', draws: number) =>
        predictLogits({ ...state, texts, batchSize, mode, draws });
      const scoreMidpoint = async () => {
        const { logits, labels } = await predict('evaluate', 1);
        return scoreDraws([logits], labels, validation.aggregate, options);
      };
      if (validation.mode === 'midpoint') return scoreMidpoint();
      const mode = validation.mode === 'dropout' ? 'train' : 'sample';
      const { logits, labels } = await predict(mode, validation.draws);
      const size = texts.length * labels;
      const draws = Array.from({ length: validation.draws }, (_, draw) =>
        logits.subarray(draw * size, (draw + 1) * size),
      );
      const distinct = draws.every((draw) => sameBits(draw, draws[0]!)) ? draws.slice(0, 1) : draws;
      const evaluation = scoreDraws(distinct, labels, validation.aggregate, options);
      if (!validation.logMidpoint) return evaluation;
      return { ...evaluation, midpointMetrics: (await scoreMidpoint()).metrics };
    },
  };
}

/** Draws `[texts, columns]` each. The loss is that of the predictions that are scored. */
export function scoreDraws<Target>(
  draws: readonly Float32Array[],
  columns: number,
  aggregate: ValidationConfig['aggregate'],
  { examples, objective, score }: ScoreLogitsOptions<Target>,
): Evaluation {
  const targets = examples.map(({ label }) => label);
  const scoreOne = (logits: Float32Array, repeated: readonly Target[]): Evaluation => ({
    ...score(logits, repeated),
    loss: objective.meanLoss(logits, columns, repeated),
  });
  if (draws.length === 1) return scoreOne(draws[0]!, targets);
  switch (aggregate) {
    case 'pooled':
      return scoreOne(
        concatenate(draws),
        draws.flatMap(() => targets),
      );
    case 'mean':
      return meanEvaluation(draws.map((draw) => scoreOne(draw, targets)));
    case 'ensemble':
      return scoreOne(objective.ensemble(draws, columns), targets);
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

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(parts.reduce((size, { length }) => size + length, 0));
  parts.reduce((offset, part) => (result.set(part, offset), offset + part.length), 0);
  return result;
}

const sameBits = (a: Float32Array, b: Float32Array): boolean => a.every((value, index) => Object.is(value, b[index]));
