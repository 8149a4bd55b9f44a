import {
  createStream,
  disposeParameters,
  type Host,
  type NamedArrays,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import { adaptationCurve, type Episodes } from '@tfjs-peft/meta';
import type { Classes, TaskLearning } from './task-parts.js';

/** What is judged: a start, and the tasks that it learns. */
export interface MeanCurveRequest {
  readonly host: Host;
  readonly method: PeftMethod;
  /** Raw parameters of the start. */
  readonly values: NamedArrays;
  readonly learning: TaskLearning;
  readonly episodes: Episodes<Classes>;
  /** Numbers of steps, rising, after which it is judged. */
  readonly at: readonly number[];
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  /** Counts judgements: episodes times numbers of steps. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/** Means over episodes after a number of steps, accuracy in per cent. */
export interface MeanPoint {
  readonly steps: number;
  readonly loss: number;
  readonly accuracy: number;
}

/** How fast a start learns, as means over episodes. Errors: `PREDICTION_ABORTED`. */
export async function meanCurve({ values, at, seed, learning, ...request }: MeanCurveRequest): Promise<MeanPoint[]> {
  const raw = toParameters(values);
  const { signal, onProgress, ...rest } = request;
  try {
    const points = await adaptationCurve({
      ...{ ...learning, ...rest, raw, at, stream: createStream(seed) },
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
    });
    return at.map((steps) => {
      const own = points.filter((point) => point.steps === steps);
      const mean = (pick: (point: (typeof own)[number]) => number) =>
        own.reduce((sum, point) => sum + pick(point), 0) / own.length;
      return { steps, loss: mean(({ loss }) => loss), accuracy: 100 * mean(({ score }) => score!) };
    });
  } finally {
    disposeParameters(raw);
  }
}
