import { createStream, PeftError, type Stream, substream } from '@tfjs-peft/peft-core';
import { randomPermutation } from '@tfjs-peft/peft-core/authoring';
import { keyOfText, type LabelledTexts } from '@tfjs-peft/meta';
import type { LabelledExample } from '@tfjs-peft/train';

/** More texts are not judged by, but as many of them by chance: adapting is to take seconds. */
const mostJudged = 1000;

/** In an order that the stream draws. */
export const shuffled = <T>(items: readonly T[], stream: Stream): T[] =>
  [...randomPermutation(stream, items.length)].map((place) => items[place]!);

/** What a task is learned from, and what judges that. */
export interface DrawnTexts {
  readonly support: readonly LabelledExample[];
  readonly query: readonly LabelledExample[];
}

/** Texts to learn from and others to judge by, each text once. Errors: `TASK_TOO_SMALL`, `EPISODE_OVERLAPS`. */
export function drawTexts(
  task: LabelledTexts,
  test: LabelledTexts['examples'] | null,
  shots: number | null,
  seed: number,
): DrawnTexts {
  const distinct = [...new Map(task.examples.map((example) => [keyOfText(example.text), example])).values()];
  const streamFor = (purpose: string) => substream(createStream(seed), purpose, task.name);
  const inOrder = shuffled(distinct, streamFor('shots'));
  const drawn = task.labels.map((label, index) => {
    const ofClass = inOrder.filter((example) => example.label === index);
    if (shots === null || ofClass.length >= shots) return ofClass.slice(0, shots ?? undefined);
    throw new PeftError('TASK_TOO_SMALL', {
      found: `${ofClass.length} different texts of "${label}" in task "${task.name}"`,
      expected: `${shots} (--shots)`,
      fix: 'ask for fewer shots, or add texts',
    });
  });
  const support = drawn.flat();
  const seen = new Set(support.map(({ text }) => keyOfText(text)));
  if (!test) return { support, query: inOrder.filter(({ text }) => !seen.has(keyOfText(text))).slice(0, mostJudged) };
  const shared = test.filter(({ text }) => seen.has(keyOfText(text))).length;
  if (shared > 0)
    throw new PeftError('EPISODE_OVERLAPS', {
      found: `${shared} of the ${test.length} texts to judge by are among those that are learned from`,
      expected: 'two files without a common text',
      fix: 'take them out of one of the two files',
    });
  return { support, query: shuffled(test, streamFor('judged')).slice(0, mostJudged) };
}
