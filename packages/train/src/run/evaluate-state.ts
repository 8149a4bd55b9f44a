import { isPeftError, readParameters, substream } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type { Evaluator } from '../evaluate/evaluator.js';
import { withEffective } from '../evaluate/with-effective.js';
import type { ProgressClock } from './progress-clock.js';
import type { Progress, TrainingRun } from './training-run.js';
import { select } from './selection.js';
import type { MetricsRow } from './train-events.js';
import type { TrainingState } from './training-state.js';

/** The state with one more evaluation: its row, the choice, a copy of the best parameters. Null if it was aborted. */
export async function evaluateState<Targets>(
  run: TrainingRun<Targets>,
  evaluator: Evaluator,
  state: TrainingState,
  clock: ProgressClock,
): Promise<Progress | null> {
  const { host, method, config, root, steps, stepsPerEpoch, signal, onEvent } = run;
  const started = performance.now();
  const { step } = state;
  const stream = substream(root, 'draws-validation', config.validation.resample ? step : 'fixed');
  const evaluation = await withEffective(method, state.tensors.raw, host.spec, (effective) =>
    evaluator.evaluate({ host, method, effective, raw: state.tensors.raw, config, stream, ...(signal && { signal }) }),
  ).catch((error: unknown) => {
    if (isPeftError(error) && error.code === 'PREDICTION_ABORTED') return null;
    throw error;
  });
  if (!evaluation) return null;
  const { headline, loss, metrics, midpointMetrics } = evaluation;
  const selection = select(state.selection, { step, headline, loss, metrics }, config.tieBreak);
  const best = selection.best!.step === step;
  const milliseconds = performance.now() - started;
  const row: MetricsRow = {
    step,
    epoch: step / stepsPerEpoch,
    split: 'dev',
    loss,
    headline,
    metrics,
    ...(midpointMetrics && { midpointMetrics }),
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
  const kept = best ? await readParameters(state.tensors.raw) : state.best;
  return { state: { ...state, selection, lastEvaluation: step, best: kept }, row };
}
