import {
  type EncodedText,
  foldMethod,
  type FoldedMethod,
  type Host,
  type Parameters,
  PeftError,
  type PeftMethod,
  type Stream,
} from '@tfjs-peft/peft-core';
import { isSubspace, pointOfSimplex } from '@tfjs-peft/subspace';
import { type PredictedLogits, predictLogits } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import type { TestConfig } from '../config/experiment-config.js';
import { averageDraws } from './average-draws.js';

/** A method, its parameters, the texts, and the point to predict at. */
export interface PointRequest {
  readonly host: Host;
  /** Not folded: a simplex with all its vertices. */
  readonly method: PeftMethod;
  readonly effective: Parameters;
  readonly texts: readonly EncodedText[];
  readonly test: TestConfig;
  /** Draws of `random` and `ensemble`. */
  readonly stream: Stream;
  readonly batchSize?: number | undefined;
  /** Mean of the outputs instead of the mean probability in an ensemble. */
  readonly regression: boolean;
  /** Is told after each batch; counts texts. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Logits `[texts, labels]` of a trained method at one point of its simplex: `midpoint` is what is deployed; `vertex:i`, `random` (one
 * draw a text and site) and `ensemble` (logarithm of the mean probability over several draws) are for analysis. A method that is no
 * simplex has one point: all but `vertex:i` are then the same.
 * Errors: `VERTEX_UNKNOWN`, `NOT_A_SUBSPACE`.
 */
export async function predictAtPoint(request: PointRequest): Promise<PredictedLogits> {
  const { method, effective, test } = request;
  if (test.point === 'random' || test.point === 'ensemble') {
    const draws = test.point === 'random' ? 1 : test.draws;
    const drawn = await predictLogits({ ...request, mode: 'sample', draws });
    const size = drawn.logits.length / draws;
    const each = Array.from({ length: draws }, (_, draw) => drawn.logits.subarray(draw * size, (draw + 1) * size));
    return { ...drawn, logits: averageDraws(each, drawn.labels, request.regression) };
  }
  return atPoint(method, effective, test.point, (point) => predictLogits({ ...request, ...point }));
}

/** Lends `use` a method at its midpoint or a vertex. Errors: `VERTEX_UNKNOWN`, `NOT_A_SUBSPACE`. */
export const atPoint = <T>(
  method: PeftMethod,
  effective: Parameters,
  point: string,
  use: (point: FoldedMethod) => Promise<T>,
): Promise<T> =>
  withPoint(
    effective,
    () => (point === 'midpoint' ? foldMethod(method, effective) : vertexOf(method, effective, point)),
    use,
  );

function vertexOf(method: PeftMethod, effective: Parameters, point: string): FoldedMethod {
  const vertex = Number(point.slice('vertex:'.length));
  if (!isSubspace(method))
    throw new PeftError('NOT_A_SUBSPACE', {
      found: `test point "${point}" for a method of type ${method.type}`,
      expected: 'a simplex around the whole method',
      fix: 'test the midpoint',
    });
  const { vertices } = method.config;
  if (vertex >= vertices)
    throw new PeftError('VERTEX_UNKNOWN', {
      found: `vertex ${vertex}`,
      expected: `one of 0 to ${vertices - 1}`,
    });
  const coefficients = Array.from({ length: vertices }, (_, index) => Number(index === vertex));
  return foldMethod(method.parts![0]!, pointOfSimplex(method, effective, coefficients));
}

/** Lends what `make` computes to `use` and disposes it afterwards, except tensors that belong to `owned`. */
export async function withPoint<T>(
  owned: Parameters,
  make: () => FoldedMethod,
  use: (point: FoldedMethod) => Promise<T>,
): Promise<T> {
  const shared = new Set(owned.values());
  let made: FoldedMethod | undefined;
  tf.tidy(() => {
    made = make();
    made.effective.forEach((tensor) => shared.has(tensor) || tf.keep(tensor));
  });
  try {
    return await use(made!);
  } finally {
    tf.dispose([...made!.effective.values()].filter((tensor) => !shared.has(tensor)));
  }
}
