import { isPeftError, readParameters, substream } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type { EvaluatedState, Evaluation, Evaluator } from '../evaluate/evaluator.js';
import { withEffective } from '../evaluate/with-effective.js';
import type { ProgressClock } from './progress-clock.js';
import type { Progress, TrainingRun } from './training-run.js';
import { isExhausted, select, type Selection } from './selection.js';
import type { MetricsRow } from './train-events.js';
import { type Choice, judgedParameters, type TrainingState } from './training-state.js';

/**
 * The state with one more evaluation by every rule: its row, the choices, a copy of the parameters where one of them is new. A rule that waits no
 * more keeps what it has, as its own run would have ended. Null if it was aborted.
 */
export async function evaluateState<Targets>(
  run: TrainingRun<Targets>,
  evaluator: Evaluator,
  state: TrainingState,
  clock: ProgressClock,
): Promise<Progress | null> {
  const { config, steps, stepsPerEpoch, onEvent } = run;
  const started = performance.now();
  const { step } = state;
  const evaluations = await evaluateRules(run, evaluator, state);
  if (!evaluations) return null;
  const [own, ...further] = evaluations as [Evaluation, ...Evaluation[]];
  const { headline, loss, metrics, midpointMetrics, observed } = own;
  const choose = (choice: Choice, { headline, loss, metrics }: Evaluation): Selection =>
    isExhausted(choice.selection, config)
      ? choice.selection
      : select(choice.selection, { step, headline, loss, metrics }, config.tieBreak);
  const selection = choose(state, own);
  const others = [...state.others].map(([rule, choice], index) => {
    const evaluation = further[index]!;
    return { rule, choice, evaluation, selection: choose(choice, evaluation) };
  });
  const isNew = (chosen: Selection) => chosen.best?.step === step;
  const best = isNew(selection);
  const needed = best || others.some((other) => isNew(other.selection));
  const copy = needed ? await readParameters(judgedParameters(state, run.optimiser)) : null;
  const milliseconds = performance.now() - started;
  const row: MetricsRow = {
    step,
    epoch: step / stepsPerEpoch,
    split: 'dev',
    loss,
    headline,
    metrics,
    ...(midpointMetrics && { midpointMetrics }),
    ...(others.length > 0 && {
      selections: Object.fromEntries(
        others.map(({ rule, evaluation, selection: chosen }) => [
          rule,
          {
            headline: evaluation.headline,
            loss: evaluation.loss,
            metrics: evaluation.metrics,
            best: isNew(chosen),
          },
        ]),
      ),
    }),
    ...(observed && { observed }),
    best,
    milliseconds,
    tensors: tf.memory().numTensors,
  };
  clock.addEvaluation(milliseconds);
  onEvent?.({
    type: 'evaluation',
    step,
    steps,
    loss,
    metrics,
    ...(midpointMetrics && { midpointMetrics }),
    headline,
    best,
    bestStep: selection.best!.step,
    bestHeadline: selection.best!.headline,
    waited: selection.waited,
    milliseconds,
    row,
  });
  const chosen = others.map(({ rule, choice, selection: next }): [string, Choice] => [
    rule,
    { selection: next, best: isNew(next) ? copy : choice.best },
  ]);
  return {
    state: { ...state, selection, lastEvaluation: step, best: best ? copy : state.best, others: new Map(chosen) },
    row,
  };
}

/** One evaluation a rule, that of `config.validation` first; null if the signal ended it. */
async function evaluateRules<Targets>(
  { host, method, config, root, optimiser, signal }: TrainingRun<Targets>,
  evaluator: Evaluator,
  state: TrainingState,
): Promise<Evaluation[] | null> {
  const { step } = state;
  const raw = judgedParameters(state, optimiser);
  // In the order of the state, which is that of the run's first configuration: a resumed one may name its rules in another.
  const rules = [config.validation, ...[...state.others.keys()].map((rule) => config.selections![rule]!)];
  try {
    return await withEffective(method, raw, host.spec, async (effective) => {
      const states = rules.map((validation): EvaluatedState => {
        const stream = substream(root, 'draws-validation', validation.resample ? step : 'fixed');
        return { host, method, effective, raw, config: { ...config, validation }, stream, ...(signal && { signal }) };
      });
      if (states.length > 1 && evaluator.evaluateAll) return evaluator.evaluateAll(states);
      const evaluations: Evaluation[] = [];
      for (const one of states) evaluations.push(await evaluator.evaluate(one));
      return evaluations;
    });
  } catch (error) {
    if (isPeftError(error) && error.code === 'PREDICTION_ABORTED') return null;
    throw error;
  }
}
