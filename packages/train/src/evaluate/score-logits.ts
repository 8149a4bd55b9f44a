import type { LogitsObjective } from '../objectives/logits-objective.js';
import { checkExamples, identifyExamples, type LabelledExample } from '../batches/labelled-texts.js';
import type { EncodedText, Mode } from '@tfjs-peft/peft-core';
import { type EvaluatedState, type Evaluation, type Evaluator, requireDev, type Score } from './evaluator.js';
import { predictLogits } from './predict-logits.js';
import type { ValidationConfig } from './validation-config.js';

/** Scores logits `[rows, labels]` (row-major) against one target a row. */
export type ScoreFunction<Target = number> = (logits: Float32Array, targets: readonly Target[]) => Score;

/** On which examples states are judged, and by which measure. */
export interface ScoreLogitsOptions<Target> {
  readonly examples: readonly LabelledExample<Target>[];
  readonly objective: LogitsObjective<Target>;
  readonly score: ScoreFunction<Target>;
  /** By which a run is known again, so that it goes on under the same measure; the function's name if absent. Bundlers change names: give one there. */
  readonly scoreName?: string;
}

/**
 * Judges states by their logits of held-out texts. Draws that are all equal (a method with nothing to draw) are scored once, so that rounding in a
 * pooled or averaged metric cannot make them differ from the deterministic evaluation.
 * Errors: `DEV_EMPTY`, `TEXT_EMPTY`, `LABEL_INVALID`; of the evaluation those of {@link predictLogits}, `LABEL_INVALID`, `LOGITS_MISSHAPEN`.
 */
export function scoreLogits<Target>(options: ScoreLogitsOptions<Target>): Evaluator {
  requireDev(options.examples);
  checkExamples(options.examples, options.objective, 'dev');
  const texts = options.examples.map(({ text }) => text);
  return {
    identity: {
      ...identifyExamples(options.examples),
      objective: options.objective.id,
      score: options.scoreName ?? options.score.name,
    },
    evaluate: (state) => evaluateBy(state, (mode, draws) => predictDraws(state, texts, mode, draws), options),
    async evaluateAll(states) {
      const passes = sharedPasses(states, texts);
      const evaluations: Evaluation[] = [];
      for (const state of states)
        evaluations.push(await evaluateBy(state, (mode, draws) => passes(state, mode, draws), options));
      return evaluations;
    },
  };
}

/** Logits of all texts, one array a draw. */
interface Draws {
  readonly draws: readonly Float32Array[];
  readonly labels: number;
}

async function evaluateBy<Target>(
  { config: { validation } }: EvaluatedState,
  predict: (mode: Mode, draws: number) => Promise<Draws>,
  options: ScoreLogitsOptions<Target>,
): Promise<Evaluation> {
  const scoreMidpoint = async () => {
    const { draws, labels } = await predict('evaluate', 1);
    return scoreDraws(draws, labels, validation.aggregate, options);
  };
  if (validation.mode === 'midpoint') return scoreMidpoint();
  const { draws, labels } = await predict(modeOf(validation), validation.draws);
  const distinct = draws.every((draw) => sameBits(draw, draws[0]!)) ? draws.slice(0, 1) : draws;
  const evaluation = scoreDraws(distinct, labels, validation.aggregate, options);
  if (!validation.logMidpoint) return evaluation;
  return { ...evaluation, midpointMetrics: (await scoreMidpoint()).metrics };
}

const modeOf = (validation: ValidationConfig): Mode => (validation.mode === 'dropout' ? 'train' : 'sample');

async function predictDraws(
  state: EvaluatedState,
  texts: readonly EncodedText[],
  mode: Mode,
  draws: number,
): Promise<Draws> {
  const batchSize = state.config.evaluationBatchSize;
  const { logits, labels } = await predictLogits({ ...state, texts, batchSize, mode, draws });
  const size = texts.length * labels;
  return {
    draws: Array.from({ length: draws }, (_, draw) => logits.subarray(draw * size, (draw + 1) * size)),
    labels,
  };
}

/** Passes of several rules over one state: the first draws of many are the draws of few, from the same stream. */
function sharedPasses(states: readonly EvaluatedState[], texts: readonly EncodedText[]) {
  const done = new Map<string, Promise<Draws>>();
  const most = (mode: Mode, path: string) =>
    Math.max(
      ...states
        .filter(({ stream, config: { validation } }) => stream.path === path && modeOf(validation) === mode)
        .filter(({ config: { validation } }) => validation.mode !== 'midpoint')
        .map(({ config: { validation } }) => validation.draws),
    );
  return async (state: EvaluatedState, mode: Mode, draws: number): Promise<Draws> => {
    const { path } = state.stream;
    const key = mode === 'evaluate' ? mode : `${mode} ${path}`;
    const passes = done.get(key) ?? predictDraws(state, texts, mode, mode === 'evaluate' ? 1 : most(mode, path));
    done.set(key, passes);
    const { draws: all, labels } = await passes;
    return { draws: all.slice(0, draws), labels };
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
