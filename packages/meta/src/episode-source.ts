import { PeftError, type Stream, substream } from '@tfjs-peft/peft-core';
import { randomPermutation } from '@tfjs-peft/peft-core/authoring';
import { type BatchSource, identifyExamples, type LabelledExample } from '@tfjs-peft/train';
import { type Episode, type Episodes, keyOfText } from './episode.js';
import { checkDraw, drawFixed, type FixedDraw, sourceOfEpisodes } from './source-of-episodes.js';

/** A task with all its labelled texts, of which an episode draws a few. */
export interface LabelledTexts {
  readonly name: string;
  /** Names of the classes; a label is an index into it. */
  readonly labels: readonly string[];
  readonly examples: readonly LabelledExample[];
}

/** How episodes are drawn. */
export interface EpisodeDraw {
  /** Texts of each class to adapt to. */
  readonly shots: number;
  /** Texts of each class to judge by, none of them among the former. */
  readonly queries: number;
  /** Classes of an episode, drawn anew each time and then numbered from 0; null: all of a task, in their order. */
  readonly ways?: number | null;
}

/**
 * Episodes of classification tasks, `batchSize` of them an update. Each epoch meets every task once, in a new order; classes and texts are drawn by
 * the stream, so that a run can go on anywhere.
 * Errors: `OPTION_INVALID`, `TASKS_MISSING`, `TASK_TOO_SMALL` for a task that lacks classes, or texts in them.
 */
export function episodeSource(
  tasks: readonly LabelledTexts[],
  draw: EpisodeDraw,
): BatchSource<Episodes<readonly number[]>> {
  const ready = tasks.map((task) => ({ task, classes: classesFor(task, draw) }));
  return sourceOfEpisodes(
    ready,
    {
      tasks: tasks.map(({ name, examples }) => ({ name, ...identifyExamples(examples) })),
      shots: draw.shots,
      queries: draw.queries,
      ways: draw.ways ?? null,
    },
    (task, stream) => drawEpisode(task, draw, stream),
  );
}

/** Fixed episodes of tasks that are held out: `perTask` of each, the same for the same seed. Errors: `OPTION_INVALID`, `TASK_TOO_SMALL`. */
export function fixedEpisodes(
  tasks: readonly LabelledTexts[],
  draw: EpisodeDraw,
  fixed: FixedDraw,
): Episodes<readonly number[]> {
  return drawFixed(
    tasks.map((task) => ({ task, classes: classesFor(task, draw), name: task.name })),
    fixed,
    (task, stream) => drawEpisode(task, draw, stream),
  );
}

interface ReadyTask {
  readonly task: LabelledTexts;
  /** Label and places of its texts, for classes that have enough. */
  readonly classes: readonly (readonly [label: number, places: readonly number[]])[];
}

function classesFor({ name, labels, examples }: LabelledTexts, draw: EpisodeDraw): ReadyTask['classes'] {
  checkDraw(draw);
  const wanted = draw.shots + draw.queries;
  const all = labels.map((_, label): readonly [number, number[]] => [label, []]);
  // A text that stands twice would be learned from and judged by.
  const seen = new Set<string>();
  examples.forEach(({ text, label }, place) => {
    const key = keyOfText(text);
    if (!seen.has(key)) all[label]?.[1].push(place);
    seen.add(key);
  });
  const enough = all.filter(([, places]) => places.length >= wanted);
  const ways = draw.ways ?? labels.length;
  if (enough.length >= Math.max(2, ways)) return enough;
  throw new PeftError('TASK_TOO_SMALL', {
    found: `task "${name}": ${enough.length} of ${labels.length} classes have ${wanted} different texts (${draw.shots} to adapt to and ${draw.queries} to judge by)`,
    expected: `${Math.max(2, ways)} such classes`,
    fix: 'ask for fewer shots, queries or ways, or leave the task out',
  });
}

function drawEpisode(
  { task, classes }: ReadyTask,
  { shots, queries, ways }: EpisodeDraw,
  stream: Stream,
): Episode<readonly number[]> {
  const chosen =
    ways === null || ways === undefined
      ? classes
      : [...randomPermutation(substream(stream, 'classes'), classes.length).subarray(0, ways)].map(
          (place) => classes[place]!,
        );
  const drawn = chosen.map(([label, places], index) => {
    const order = randomPermutation(substream(stream, 'texts', label), places.length);
    const at = (from: number, to: number) => [...order.subarray(from, to)].map((place) => places[place]!);
    return { label, index, support: at(0, shots), query: at(shots, shots + queries) };
  });
  const batchOf = (part: 'support' | 'query') => ({
    texts: drawn.flatMap((each) => each[part].map((place) => task.examples[place]!.text)),
    targets: drawn.flatMap((each) => each[part].map(() => each.index)),
  });
  return {
    name: task.name,
    labels: drawn.map(({ label }) => task.labels[label]!),
    support: batchOf('support'),
    query: batchOf('query'),
  };
}
