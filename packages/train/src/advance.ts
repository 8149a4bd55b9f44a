import { PeftError, substream } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { createBatchOrder } from './batch-order.js';
import { headParameterNames } from './head-parameters.js';
import type { ProgressClock } from './progress-clock.js';
import { learningRateFactor } from './schedule.js';
import type { MetricsRow } from './train-events.js';
import type { TrainingRun } from './training-run.js';
import { trainingStep } from './training-step.js';

/** One update with its row in the history. Errors: `TRAINING_DIVERGED`. */
export function createAdvance(run: TrainingRun, clock: ProgressClock) {
  const { host, train, config, plan, root, steps, stepsPerEpoch, evaluateEvery, state, onEvent } = run;
  const batchOf = createBatchOrder(substream(root, 'order'), train.length, config.batchSize);
  const heads = headParameterNames(plan, host.spec);
  let first = true;
  return async () => {
    const started = performance.now();
    const step = state.step + 1;
    const factor = learningRateFactor(config, step, steps);
    const headRate = (config.headLearningRate ?? config.learningRate) * factor;
    const learningRate = config.learningRate * factor;
    const { tensors, measured, untouched } = trainingStep(run, state.tensors, {
      batch: batchOf(step).map((index) => train[index]!),
      streams: { dropout: substream(root, 'dropout', step), draws: substream(root, 'draws-train', step) },
      step,
      learningRateOf: (name) => (heads.has(name) ? headRate : learningRate),
    });
    state.tensors = tensors;
    state.step = step;
    let values: ArrayLike<number>;
    try {
      values = await measured.data();
    } finally {
      measured.dispose();
    }
    const [loss, penalty, gradientNorm] = [values[0]!, values[1]!, values[2]!];
    if (![loss, penalty, gradientNorm].every(Number.isFinite))
      throw diverged(step, { loss, penalty, gradientNorm, learningRate });
    const milliseconds = performance.now() - started;
    const row: MetricsRow = {
      step,
      epoch: step / stepsPerEpoch,
      split: 'train',
      loss,
      penalty,
      learningRate,
      gradientNorm,
      milliseconds,
      tensors: tf.memory().numTensors,
    };
    state.history.push(row);
    clock.addStep(milliseconds);
    const left = Math.ceil(steps / evaluateEvery) - Math.floor(step / evaluateEvery);
    const etaSeconds = clock.secondsFor(steps - step, run.dev.length > 0 ? left : 0);
    onEvent?.({ type: 'step', steps, ...row, penalty, gradientNorm, learningRate, etaSeconds, row });
    if (first && untouched.length > 0)
      onEvent?.({
        type: 'warning',
        text: `The loss does not depend on ${untouched.length} of the trainable parameters: ${untouched.slice(0, 5).join(', ')}${untouched.length > 5 ? ', ...' : ''}.`,
      });
    first = false;
  };
}

const diverged = (step: number, values: Readonly<Record<string, number>>) =>
  new PeftError('TRAINING_DIVERGED', {
    found: `training diverged in step ${step}: ${Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}`,
    expected: 'finite numbers',
    fix: 'lower learningRate (a tenth, to begin with), keep clipNorm at 1 and a warmupRatio above 0; check the data for extreme labels',
  });
