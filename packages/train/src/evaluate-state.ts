import { isPeftError, readParameters, substream } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { evaluate } from './evaluate.js';
import type { ProgressClock } from './progress-clock.js';
import { select } from './selection.js';
import type { MetricsRow } from './train-events.js';
import type { TrainingRun } from './training-run.js';
import { withEffective } from './with-effective.js';

/** One evaluation with its row, choice and copy of the best state. Resolves to false if it was aborted: nothing has changed then. */
export function createEvaluation(run: TrainingRun, clock: ProgressClock) {
  const { host, method, dev, config, root, steps, stepsPerEpoch, state, onEvent } = run;
  const texts = dev.map(({ text }) => text);
  const labels = dev.map(({ label }) => label);
  return async (): Promise<boolean> => {
    const started = performance.now();
    const { step } = state;
    const stream = substream(root, 'draws-validation', config.validation.resample ? step : 'fixed');
    const evaluation = await withEffective(method, state.tensors.raw, host.spec, (effective) =>
      evaluate({
        host,
        method,
        effective,
        texts,
        labels,
        loss: run.loss,
        score: run.score,
        config,
        stream,
        signal: run.signal,
      }),
    ).catch((error: unknown) => {
      if (isPeftError(error) && error.code === 'PREDICTION_ABORTED') return null;
      throw error;
    });
    if (!evaluation) return false;
    const { headline, loss, metrics, midpointMetrics } = evaluation;
    const selection = select(state.selection, { step, headline, loss, metrics }, config.tieBreak);
    const best = selection.best!.step === step;
    if (best) state.best = await readParameters(state.tensors.raw);
    state.selection = selection;
    state.lastEvaluation = step;
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
    state.history.push(row);
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
    return true;
  };
}
