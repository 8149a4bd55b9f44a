import { countParameters, disposeParameters, PeftError, readParameters, toParameters } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { createAdvance } from './advance.js';
import { checkpointName, writeCheckpoint } from './checkpoint.js';
import { createEvaluation } from './evaluate-state.js';
import { createProgressClock } from './progress-clock.js';
import { isExhausted } from './selection.js';
import type { StepCounts } from './train-config.js';
import type { TrainingResult } from './training-request.js';
import type { TrainingRun, TrainingState } from './training-run.js';
import { withEffective } from './with-effective.js';
import { yieldToEventLoop } from './yield-to-event-loop.js';

/** Runs from `state` to the end. The tensors in `state` are always live: the caller disposes them, also after an error. */
export async function runTraining(run: TrainingRun): Promise<TrainingResult> {
  const { state, config, plan, steps, checkpoint, onEvent, signal } = run;
  let saved = checkpoint ? progressOf(state) : null;
  const save = async () => {
    if (!run.store || saved === progressOf(state)) return;
    await saveCheckpoint(run);
    saved = progressOf(state);
  };
  onEvent?.({
    type: 'start',
    plan,
    counts: countParameters(plan),
    steps,
    stepsPerEpoch: run.stepsPerEpoch,
    evaluateEvery: run.evaluateEvery,
    resumedFrom: checkpoint?.step ?? null,
    history: [...state.history],
  });
  if (checkpoint && checkpoint.backend !== tf.getBackend())
    onEvent?.({
      type: 'warning',
      text: `The checkpoint was made on backend ${checkpoint.backend}; this run goes on with ${tf.getBackend()} and will differ in its last digits.`,
    });
  const clock = createProgressClock();
  const advance = createAdvance(run, clock);
  const evaluateState = createEvaluation(run, clock);

  for (;;) {
    if (run.dev.length > 0 && isEvaluationStep(run, state.step) && state.lastEvaluation < state.step) {
      const done = await evaluateState();
      if (!done) await interrupt(run, save);
    }
    const finished = state.step >= steps || isExhausted(state.selection, config);
    if (finished || isCheckpointStep(run, state.step)) await save();
    if (finished) break;
    if (signal?.aborted) await interrupt(run, save);
    await advance();
    await yieldToEventLoop();
  }
  return finish(run);
}

/** Identifies a state of one run, to know whether it is already stored. */
const progressOf = ({ step, lastEvaluation }: TrainingState) => `${step} ${lastEvaluation}`;

const isEvaluationStep = ({ steps, evaluateEvery }: StepCounts, step: number) =>
  step > 0 && (step % evaluateEvery === 0 || step === steps);

const isCheckpointStep = (run: TrainingRun, step: number) =>
  run.config.checkpointEvery === null
    ? isEvaluationStep(run, step)
    : step > 0 && step % run.config.checkpointEvery === 0;

async function saveCheckpoint({ store, identity, state }: TrainingRun): Promise<void> {
  const { tensors, best, step, lastEvaluation, selection, history } = state;
  const arrays = {
    raw: await readParameters(tensors.raw),
    firstMoments: await readParameters(tensors.firstMoments),
    secondMoments: await readParameters(tensors.secondMoments),
  };
  const backend = tf.getBackend();
  await writeCheckpoint(store!, { identity, backend, step, lastEvaluation, selection, history, arrays, best });
}

/** Stores what was done and throws. Errors: `INTERRUPTED`. */
async function interrupt({ state, steps, store }: TrainingRun, save: () => Promise<void>): Promise<never> {
  await save();
  throw new PeftError('INTERRUPTED', {
    found: `training was interrupted after step ${state.step} of ${steps}`,
    fix: store
      ? `start the same run again to go on from there (${checkpointName} holds its state)`
      : 'nothing was kept; give the run a checkpoint store to be able to go on next time',
  });
}

/** The best state, or the last one where nothing was evaluated. */
async function finish({ host, method, steps, state, onEvent }: TrainingRun): Promise<TrainingResult> {
  const raw = state.best ?? (await readParameters(state.tensors.raw));
  const tensors = toParameters(raw);
  try {
    const effective = await withEffective(method, tensors, host.spec, readParameters);
    const bestStep = state.selection.best?.step ?? state.step;
    const stoppedEarly = state.step < steps;
    onEvent?.({ type: 'end', steps: state.step, bestStep, stoppedEarly });
    const { step, history, selection } = state;
    return { method, effective, raw, bestStep, best: selection.best, steps: step, stoppedEarly, history };
  } finally {
    disposeParameters(tensors);
  }
}
