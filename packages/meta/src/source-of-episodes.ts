import { createStream, PeftError, type Stream, substream } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { type BatchSource, createEpochOrder } from '@tfjs-peft/train';
import type { Episode, Episodes } from './episode.js';

/** Errors: `OPTION_INVALID` for an episode with nothing to adapt to, nothing to judge by, or one class alone. */
export function checkDraw({
  shots,
  queries,
  ways,
}: {
  readonly shots: number;
  readonly queries: number;
  readonly ways?: number | null;
}): void {
  const least = { shots: 1, queries: 1, ways: 2 };
  const given = { shots, queries, ways: ways ?? 2 };
  for (const name of ['shots', 'queries', 'ways'] as const)
    if (!(Number.isInteger(given[name]) && given[name] >= least[name]))
      throw new PeftError('OPTION_INVALID', {
        found: `episodes of ${given[name]} ${name}`,
        expected: `a whole number from ${least[name]} on`,
      });
}

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
