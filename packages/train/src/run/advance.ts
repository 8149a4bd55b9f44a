import { PeftError, substream } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { warmupThen } from '../optimisers/schedule.js';
import { allTensors, trainingStep, type TrainingTensors } from '../step/training-step.js';
import type { ProgressClock } from './progress-clock.js';
import type { Progress, TrainingRun } from './training-run.js';
import type { MetricsRow } from './train-events.js';
import type { TrainingState } from './training-state.js';

/** The state after one more update, with its row. `state` keeps its tensors. Errors: `TRAINING_DIVERGED`. */
export async function advance<Targets>(
  run: TrainingRun<Targets>,
  state: TrainingState,
  clock: ProgressClock,
): Promise<Progress> {
  const { source, config, root, steps, stepsPerEpoch, evaluateEvery, groups, onEvent } = run;
  const started = performance.now();
  const step = state.step + 1;
  const factor = warmupThen(config.schedule, config.warmupRatio)(step, steps);
  const texts = source.batch(step, config.batchSize, run.order);
  const { tensors, measured, terms, untouched } = trainingStep(run, state.tensors, {
    texts,
    streams: { dropout: substream(root, 'dropout', step), draws: substream(root, 'draws-train', step) },
    step,
    settingsOf(name) {
      const settings = groups.settingsOf(name);
      return { ...settings, learningRate: settings.learningRate * factor };
    },
  });
  try {
    const values = await readAndDispose(measured);
    const [loss, gradientNorm] = [values[0]!, values.at(-1)!];
    const named = Object.fromEntries(terms.map((name, index) => [name, values[index + 1]!]));
    const { penalty = 0, ...others } = named;
    const learningRate = config.learningRate * factor;
    const measurements = { loss, penalty, ...others, gradientNorm, learningRate };
    if (!values.every(Number.isFinite)) throw diverged(step, measurements);
    const milliseconds = performance.now() - started;
    const row: MetricsRow = {
      step,
      epoch: step / stepsPerEpoch,
      split: 'train',
      loss,
      penalty,
      ...(Object.keys(others).length > 0 && { terms: others }),
      learningRate,
      gradientNorm,
      milliseconds,
      tensors: tf.memory().numTensors - countReplaced(state.tensors, tensors),
    };
    clock.addStep(milliseconds);
    const left = Math.ceil(steps / evaluateEvery) - Math.floor(step / evaluateEvery);
    const etaSeconds = clock.secondsFor(steps - step, run.evaluator ? left : 0);
    onEvent?.({ type: 'step', steps, ...row, penalty, gradientNorm, learningRate, etaSeconds, row });
    const isFirst = state.step === (run.checkpoint?.step ?? 0);
    if (isFirst && untouched.length > 0)
      onEvent?.({
        type: 'warning',
        text: `The loss does not depend on ${untouched.length} of the trainable parameters: ${untouched.slice(0, 5).join(', ')}${untouched.length > 5 ? ', ...' : ''}.`,
      });
    return { state: { ...state, tensors, step }, row };
  } catch (error) {
    const old = new Set(allTensors(state.tensors));
    tf.dispose(allTensors(tensors).filter((tensor) => !old.has(tensor)));
    throw error;
  }
}

async function readAndDispose(tensor: tf.Tensor): Promise<number[]> {
  try {
    return [...(await tensor.data())];
  } finally {
    tensor.dispose();
  }
}

/** Tensors of the old state that go when the new one takes its place. */
function countReplaced(old: TrainingTensors, current: TrainingTensors): number {
  const kept = new Set(allTensors(current));
  return allTensors(old).filter((tensor) => !kept.has(tensor)).length;
}

const diverged = (step: number, values: Readonly<Record<string, number>>) =>
  new PeftError('TRAINING_DIVERGED', {
    found: `training diverged in step ${step}: ${Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}`,
    expected: 'finite numbers',
    fix: 'lower learningRate (a tenth, to begin with), keep clipNorm at 1 and a warmupRatio above 0; check the data for extreme labels',
  });
