import {
  evaluationContext,
  type Host,
  type Parameters,
  PeftError,
  type PeftMethod,
  type Stream,
  substream,
} from '@tfjs-peft/peft-core';
import { lossOfBatch, type Objective, trainableNames } from '@tfjs-peft/peft-core/authoring';
import { predictLogits, type ScoreFunction, toBatch, withEffective } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import { adaptOnce, type InnerLoop, replace, startAdaptation } from './adapt.js';
import { type Episode, type Episodes, requireDisjoint } from './episode.js';
import { isKept } from './kept-names.js';
import { type TaskParts, withOwnPart } from './own-part.js';
import type { TargetRows } from './target-rows.js';

/** A start after some steps on the support of an episode. */
export interface AdaptedStart<Targets> {
  readonly host: Host;
  readonly method: PeftMethod;
  /** Freed after the score. */
  readonly effective: Parameters;
  readonly steps: number;
  readonly query: Episode<Targets>['query'];
}

/** A start, and the tasks it is to learn; `Score` is what each judgement gives besides the loss. */
export interface CurveRequest<Targets, Score = number> extends TaskParts<Targets> {
  readonly host: Host;
  readonly method: PeftMethod;
  readonly raw: Parameters;
  readonly episodes: Episodes<Targets>;
  readonly objective: Objective<Targets>;
  readonly inner: InnerLoop;
  readonly rows: TargetRows<Targets>;
  /** As in {@link MetaLearning}: what adapting leaves alone. */
  readonly keeps?: readonly string[];
  /** Numbers of steps after which the query is judged, rising, 0 allowed. */
  readonly at: readonly number[];
  /** How good a start is on the query; its loss alone is told if absent. {@link scoreOfLogits} makes one of a metric. */
  readonly score?: (adapted: AdaptedStart<Targets>) => Promise<Score>;
  readonly stream: Stream;
  readonly signal?: AbortSignal;
  /** Is told after each judgement; counts them. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** One episode after some steps. */
export interface CurvePoint<Score = number> {
  readonly name: string;
  readonly steps: number;
  /** Of the query, deterministic. */
  readonly loss: number;
  readonly score: Score | null;
}

/** The headline of a score of logits that a start gives for a query. */
export const scoreOfLogits =
  <Target>(score: ScoreFunction<Target>) =>
  async ({ query, ...adapted }: AdaptedStart<readonly Target[]>): Promise<number> => {
    const { logits } = await predictLogits({ ...adapted, texts: query.texts });
    return score(logits, query.targets).headline;
  };

/** How fast a start adapts: loss and score of each episode's query after some steps on its support. Errors: `OPTION_INVALID`, `PREDICTION_ABORTED`. */
export async function adaptationCurve<Targets, Score = number>(
  request: CurveRequest<Targets, Score>,
): Promise<CurvePoint<Score>[]> {
  const { episodes, at, onProgress, stream } = request;
  if (!at.every((steps, place) => Number.isInteger(steps) && steps >= 0 && (place === 0 || steps > at[place - 1]!)))
    throw new PeftError('OPTION_INVALID', {
      found: `judgements after ${at.join(', ')} steps`,
      expected: 'rising whole numbers from 0 on',
    });
  const points: CurvePoint<Score>[] = [];
  const total = episodes.length * at.length;
  for (const [index, episode] of episodes.entries())
    for await (const point of curveOf(request, episode, substream(stream, 'episode', index))) {
      points.push(point);
      onProgress?.({ done: points.length, total });
    }
  return points;
}

async function* curveOf<Targets, Score>(
  { host, method, raw, objective, inner, rows, keeps = [], at, score, signal, ...parts }: CurveRequest<Targets, Score>,
  episode: Episode<Targets>,
  stream: Stream,
): AsyncGenerator<CurvePoint<Score>> {
  requireDisjoint(episode);
  const whole = withOwnPart({ host, method, raw }, episode, parts, substream(stream, 'own'));
  const wrt = trainableNames(whole.method.plan(host.spec)).filter((name) => !isKept(name, keeps));
  const request = { host, method: whole.method, support: episode.support, objective, inner, rows, wrt, stream };
  let state = startAdaptation(request, whole.raw);
  try {
    for (const steps of at) {
      if (signal?.aborted)
        throw new PeftError('PREDICTION_ABORTED', {
          found: `stopped before task "${episode.name}" had ${steps} steps`,
        });
      while (state.step < steps) state = replace(state, adaptOnce(request, state), whole.raw);
      const { raw: adapted } = state.tensors;
      const { query } = episode;
      const loss = await lossOf({ host, method: whole.method, raw: adapted, objective }, query);
      const value =
        score &&
        (await withEffective(whole.method, adapted, host.spec, (effective) =>
          score({ host, method: whole.method, effective, steps, query }),
        ));
      yield { name: episode.name, steps, loss, score: value ?? null };
    }
  } finally {
    const given = new Set(raw.values());
    const { raw: last, optimiser } = state.tensors;
    const held = [last, whole.own, ...optimiser.values()].flatMap((parameters) => [...parameters.values()]);
    tf.dispose([...new Set(held)].filter((tensor) => !given.has(tensor)));
  }
}

async function lossOf<Targets>(
  at: {
    readonly host: Host;
    readonly method: PeftMethod;
    readonly raw: Parameters;
    readonly objective: Objective<Targets>;
  },
  query: Episode<Targets>['query'],
): Promise<number> {
  const loss = tf.tidy(() => {
    const batch = toBatch(at.host, query);
    return lossOfBatch({ ...at, batch, context: evaluationContext(at.host.spec, query.texts.length) }).loss.clone();
  });
  try {
    return (await loss.data())[0]!;
  } finally {
    loss.dispose();
  }
}
