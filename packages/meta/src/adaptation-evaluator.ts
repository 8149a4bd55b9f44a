import { createStream } from '@tfjs-peft/peft-core';
import type { Evaluator } from '@tfjs-peft/train';
import { adaptationCurve, type CurveRequest } from './adaptation-curve.js';

/** Judges a start by how well it adapts to tasks that are held out: the mean score (or minus the mean loss) after the last number of steps. */
export function adaptationEvaluator<Targets>(
  setting: Pick<
    CurveRequest<Targets>,
    'episodes' | 'objective' | 'inner' | 'rows' | 'ownPart' | 'taskBuffers' | 'keeps' | 'at' | 'score'
  > & {
    /** Seed of batch order, dropout and draws, the same for every state. */ readonly seed: number;
  },
): Evaluator {
  const { episodes, inner, at, seed, objective } = setting;
  const last = at[at.length - 1]!;
  return {
    identity: {
      episodes: episodes.map(({ name, support, query }) => [name, support.texts.length, query.texts.length]),
      objective: objective.id,
      optimiser: inner.optimiser.id,
      learningRate: inner.learningRate,
      at: [...at],
      seed,
      ...(setting.keeps && setting.keeps.length > 0 && { keeps: [...setting.keeps] }),
    },
    async evaluate({ host, method, raw, signal }) {
      const stream = createStream(seed);
      const points = await adaptationCurve({ ...setting, host, method, raw, stream, ...(signal && { signal }) });
      const meanAt = (steps: number, value: (point: (typeof points)[number]) => number) => {
        const values = points.filter((point) => point.steps === steps).map(value);
        return values.reduce((sum, each) => sum + each, 0) / values.length;
      };
      const loss = meanAt(last, (point) => point.loss);
      const score = setting.score && ((steps: number) => meanAt(steps, (point) => point.score!));
      return {
        headline: score ? score(last) : -loss,
        loss,
        metrics: Object.fromEntries(
          at.flatMap((steps) => [
            [`loss after ${steps}`, meanAt(steps, (point) => point.loss)],
            ...(score ? [[`score after ${steps}`, score(steps)]] : []),
          ]),
        ) as Record<string, number>,
      };
    },
  };
}
