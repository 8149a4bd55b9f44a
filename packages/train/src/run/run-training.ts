import {
  countParameters,
  describeMethod,
  disposeParameters,
  PeftError,
  readParameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { withEffective } from '../evaluate/with-effective.js';
import { yieldToEventLoop } from '../evaluate/yield-to-event-loop.js';
import { allTensors, disposeReplaced } from '../step/training-step.js';
import { advance } from './advance.js';
import { checkpointName, writeCheckpoint } from './checkpoint.js';
import { evaluateState } from './evaluate-state.js';
import { createProgressClock } from './progress-clock.js';
import { isExhausted } from './selection.js';
import type { StepCounts, TrainConfig } from './train-config.js';
import type { MetricsRow } from './train-events.js';
import type { Chosen, TrainingResult } from './training-request.js';
import type { Progress, TrainingRun } from './training-run.js';
import { type Choice, judgedParameters, type TrainingState } from './training-state.js';

/** Runs from `start` to the end. Its tensors are disposed, also after an error. */
export async function runTraining<Targets>(run: TrainingRun<Targets>, start: TrainingState): Promise<TrainingResult> {
  const { config, steps, checkpoint, evaluator, signal } = run;
  const clock = createProgressClock();
  const history = [...(checkpoint?.history ?? [])];
  let state = start;
  /** Makes the next state of this one: what it replaced is disposed. */
  const proceed = ({ state: next, row }: Progress) => {
    disposeReplaced(state.tensors, next.tensors);
    state = next;
    history.push(row);
  };
  let saved = checkpoint ? progressOf(state) : null;
  const save = async () => {
    if (!run.store || saved === progressOf(state)) return;
    await writeCheckpoint(run.store, { ...state, history, identity: run.identity, method: describeMethod(run.method) });
    saved = progressOf(state);
  };
  try {
    announce(run, history);
    for (;;) {
      if (evaluator && isEvaluationStep(run, state.step) && state.lastEvaluation < state.step) {
        const next = await evaluateState(run, evaluator, state, clock);
        if (!next) await interrupt(run, state, save);
        else proceed(next);
      }
      const finished = state.step >= steps || allExhausted(state, config);
      if (finished || isCheckpointStep(run, state.step)) await save();
      if (finished) break;
      if (signal?.aborted) await interrupt(run, state, save);
      proceed(await advance(run, state, clock));
      await yieldToEventLoop();
    }
    return await finish(run, state, history);
  } finally {
    tf.dispose(allTensors(state.tensors));
    run.activations.dispose();
  }
}

function announce<Targets>(run: TrainingRun<Targets>, history: readonly MetricsRow[]): void {
  const { plan, steps, stepsPerEpoch, evaluateEvery, checkpoint, onEvent } = run;
  onEvent?.({
    type: 'start',
    plan,
    counts: countParameters(plan),
    steps,
    stepsPerEpoch,
    evaluateEvery,
    resumedFrom: checkpoint?.step ?? null,
    history: [...history],
  });
  if (checkpoint && checkpoint.backend !== tf.getBackend())
    onEvent?.({
      type: 'warning',
      text: `The checkpoint was made on backend ${checkpoint.backend}; this run goes on with ${tf.getBackend()} and will differ in its last digits.`,
    });
}

/** Whether no rule waits for a better state any more. */
const allExhausted = ({ selection, others }: TrainingState, config: TrainConfig) =>
  [selection, ...[...others.values()].map((choice) => choice.selection)].every((own) => isExhausted(own, config));

/** Identifies a state of one run, to know whether it is already stored. */
const progressOf = ({ step, lastEvaluation }: TrainingState) => `${step} ${lastEvaluation}`;

const isEvaluationStep = ({ steps, evaluateEvery }: StepCounts, step: number) =>
  step > 0 && (step % evaluateEvery === 0 || step === steps);

const isCheckpointStep = <Targets>(run: TrainingRun<Targets>, step: number) =>
  run.config.checkpointEvery === null
    ? isEvaluationStep(run, step)
    : step > 0 && step % run.config.checkpointEvery === 0;

/** Stores what was done and throws. Errors: `INTERRUPTED`. */
async function interrupt<Targets>(
  { steps, store }: TrainingRun<Targets>,
  { step }: TrainingState,
  save: () => Promise<void>,
): Promise<never> {
  await save();
  throw new PeftError('INTERRUPTED', {
    found: `training was interrupted after step ${step} of ${steps}`,
    fix: store
      ? `start the same run again to go on from there (${checkpointName} holds its state)`
      : 'nothing was kept; give the run a checkpoint store to be able to go on next time',
  });
}

/** The best state, or the last one where nothing was evaluated. */
async function finish<Targets>(
  run: TrainingRun<Targets>,
  state: TrainingState,
  history: readonly MetricsRow[],
): Promise<TrainingResult> {
  const { method, steps, onEvent } = run;
  const { step } = state;
  const chosen = await readChoice(run, state, state);
  const selections = new Map<string, Chosen>();
  for (const [rule, choice] of state.others) selections.set(rule, await readChoice(run, state, choice));
  const stoppedEarly = step < steps;
  const activations = run.activations.report();
  onEvent?.({
    type: 'end',
    steps: step,
    bestStep: chosen.bestStep,
    stoppedEarly,
    ...(activations.computed > 0 && { activations }),
  });
  return { method, ...chosen, steps: step, stoppedEarly, history, selections };
}

async function readChoice<Targets>(
  { host, method, optimiser }: TrainingRun<Targets>,
  state: TrainingState,
  { selection, best }: Choice,
): Promise<Chosen> {
  const { step } = state;
  const raw = best ?? (await readParameters(judgedParameters(state, optimiser)));
  const tensors = toParameters(raw);
  try {
    const effective = await withEffective(method, tensors, host.spec, readParameters);
    return { effective, raw, bestStep: selection.best?.step ?? step, best: selection.best };
  } finally {
    disposeParameters(tensors);
  }
}
