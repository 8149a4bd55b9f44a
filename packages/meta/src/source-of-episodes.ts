import { createStream, PeftError, type Stream, substream } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { type BatchSource, createEpochOrder } from '@tfjs-peft/train';
import type { Episode, Episodes } from './episode.js';

/** How an episode of a task is drawn. */
export type DrawEpisode<Task, Targets> = (task: Task, stream: Stream) => Episode<Targets>;

/**
 * Episodes of tasks, `batchSize` of them an update. Each epoch meets every task once, in a new order; what an episode holds is drawn by the stream, so that a
 * run can go on anywhere. Errors: `TASKS_MISSING`.
 */
export function sourceOfEpisodes<Task, Targets>(
  tasks: readonly Task[],
  identity: JsonObject,
  draw: DrawEpisode<Task, Targets>,
): BatchSource<Episodes<Targets>> {
  if (tasks.length === 0)
    throw new PeftError('TASKS_MISSING', {
      found: 'no tasks',
      expected: 'at least one to learn from',
      fix: 'name at least one that is not held out',
    });
  const orderOf = createEpochOrder(tasks.length);
  const toBatch = (episodes: Episodes<Targets>) => ({
    texts: episodes.flatMap(({ support, query }) => [...support.texts, ...query.texts]),
    targets: episodes,
  });
  return {
    identity,
    examples: tasks.length,
    batch: (step, batchSize, stream) =>
      toBatch(
        Array.from({ length: batchSize }, (_, i) => {
          const index = (step - 1) * batchSize + i;
          const place = orderOf(stream, 'tasks', Math.floor(index / tasks.length))[index % tasks.length]!;
          return draw(tasks[place]!, substream(stream, 'episode', index));
        }),
      ),
    *inOrder(batchSize) {
      const stream = createStream('episodes in order');
      const episodes = tasks.map((task, place) => draw(task, substream(stream, 'episode', place)));
      for (let start = 0; start < episodes.length; start += batchSize)
        yield toBatch(episodes.slice(start, start + batchSize));
    },
  };
}

/** Which episodes of held-out tasks are drawn. */
export interface FixedDraw {
  /** Episodes of each task. */
  readonly perTask: number;
  readonly seed: number;
}

/** Fixed episodes of tasks that are held out: the same for the same seed. */
export const drawFixed = <Task extends { readonly name: string }, Targets>(
  tasks: readonly Task[],
  { perTask, seed }: FixedDraw,
  draw: DrawEpisode<Task, Targets>,
): Episodes<Targets> =>
  tasks.flatMap((task) =>
    Array.from({ length: perTask }, (_, index) =>
      draw(task, substream(createStream(seed), 'held-out', task.name, index)),
    ),
  );
