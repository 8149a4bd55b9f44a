import { type Host, type Parameters, PeftError, type PeftMethod, type Stream, substream } from '@tfjs-peft/peft-core';
import { type Objective, type Optimiser, randomPermutation, trainableNames } from '@tfjs-peft/peft-core/authoring';
import { allTensors, type TextBatch, trainingStep, type TrainingTensors, type UpdateRule } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import { rowsOfTexts, type TargetRows } from './target-rows.js';

/** How a task is learned from its support: a few steps of an optimiser that begins anew with each task. */
export interface InnerLoop {
  readonly optimiser: Optimiser;
  readonly learningRate: number;
  /** Largest global gradient norm; null: no clipping. */
  readonly clipNorm: number | null;
  /** Texts a step; null: all of the support. */
  readonly batchSize: number | null;
}

/** What adapts to which texts. */
export interface AdaptRequest<Targets> {
  readonly host: Host;
  readonly method: PeftMethod;
  readonly support: TextBatch<Targets>;
  readonly objective: Objective<Targets>;
  readonly inner: InnerLoop;
  /** Picks rows of targets where a step sees a part of the support. */
  readonly rows: TargetRows<Targets>;
  /** Names of what adapts; all trainable parameters if absent. */
  readonly wrt?: readonly string[];
  /** Batch order, dropout and draws. */
  readonly stream: Stream;
  /** How the gradients of a step come about, if not by one pass over its texts. */
  readonly rule?: UpdateRule<Targets>;
}

/** An adaptation between two steps. */
export interface Adaptation {
  readonly tensors: TrainingTensors;
  /** Names of what adapts. */
  readonly trained: readonly string[];
  /** Steps done. */
  readonly step: number;
}

/** Before the first step. The caller owns the tensors of the optimiser; those of `raw` are the given ones. */
export function startAdaptation<Targets>(
  { host, method, inner, wrt }: AdaptRequest<Targets>,
  raw: Parameters,
): Adaptation {
  const trained = wrt ?? trainableNames(method.plan(host.spec));
  const optimiser = inner.optimiser.init(new Map(trained.map((name) => [name, raw.get(name)!])));
  return { tensors: { raw, optimiser }, trained, step: 0 };
}

/** One more step. Disposes nothing of `state`. Errors: those of a training step. */
export function adaptOnce<Targets>(request: AdaptRequest<Targets>, state: Adaptation): Adaptation {
  const { host, method, objective, inner, stream, rule } = request;
  const { trained } = state;
  const step = state.step + 1;
  const { tensors, measured } = trainingStep(
    { host, method, objective, optimiser: inner.optimiser, trained, clipNorm: inner.clipNorm, ...(rule && { rule }) },
    state.tensors,
    {
      texts: textsOfStep(request, step),
      streams: { dropout: substream(stream, 'dropout', step), draws: substream(stream, 'draws', step) },
      step,
      settingsOf: () => ({ learningRate: inner.learningRate, weightDecay: 0 }),
    },
  );
  measured.dispose();
  return { tensors, trained, step };
}

/**
 * The raw parameters after `steps` steps from `raw`: new tensors where something changed. Nothing of `raw` is disposed. Call inside `tf.tidy`, or
 * dispose what is not in `raw`.
 */
export function adapt<Targets>(request: AdaptRequest<Targets>, raw: Parameters, steps: number): Parameters {
  let state = startAdaptation(request, raw);
  for (let step = 0; step < steps; step++) state = replace(state, adaptOnce(request, state), raw);
  tf.dispose([...state.tensors.optimiser.values()].flatMap((slot) => [...slot.values()]));
  return state.tensors.raw;
}

/**
 * The same step by step, so that others may act in between: `onStep` is told after each. Errors: `ADAPTATION_ABORTED`, by the signal, and
 * those of a training step; nothing is kept then.
 */
export async function adaptInSteps<Targets>(
  request: AdaptRequest<Targets>,
  raw: Parameters,
  {
    steps,
    signal,
    onStep,
  }: { readonly steps: number; readonly signal?: AbortSignal; readonly onStep?: (step: number) => void },
): Promise<Parameters> {
  let state = startAdaptation(request, raw);
  const disposeState = (withRaw: boolean) => {
    const kept = new Set(raw.values());
    const slots = [...state.tensors.optimiser.values()].flatMap((slot) => [...slot.values()]);
    const own = withRaw ? [...state.tensors.raw.values()].filter((tensor) => !kept.has(tensor)) : [];
    tf.dispose([...slots, ...own]);
  };
  try {
    while (state.step < steps) {
      if (signal?.aborted)
        throw new PeftError('ADAPTATION_ABORTED', { found: `stopped after ${state.step} of ${steps} steps` });
      state = replace(state, adaptOnce(request, state), raw);
      onStep?.(state.step);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  } catch (error) {
    disposeState(true);
    throw error;
  }
  disposeState(false);
  return state.tensors.raw;
}

/** The next state; what only the old one holds is freed, but for the tensors of `start`. */
export function replace(old: Adaptation, next: Adaptation, start: Parameters): Adaptation {
  const kept = new Set([...start.values(), ...allTensors(next.tensors)]);
  tf.dispose(allTensors(old.tensors).filter((tensor) => !kept.has(tensor)));
  return next;
}

function textsOfStep<Targets>(
  { support, inner, rows, stream }: AdaptRequest<Targets>,
  step: number,
): TextBatch<Targets> {
  const { batchSize } = inner;
  const count = support.texts.length;
  if (batchSize === null || batchSize >= count) return support;
  const perEpoch = Math.ceil(count / batchSize);
  const order = randomPermutation(substream(stream, 'order', Math.floor((step - 1) / perEpoch)), count);
  const start = ((step - 1) % perEpoch) * batchSize;
  return rowsOfTexts(support, [...order.subarray(start, start + batchSize)], rows);
}
