import type { EncodedText } from '@tfjs-peft/peft-core';
import { labelledTask, languageTexts, nextToken, wholeText } from '@tfjs-peft/train';
import { metaUpdates, type Updates } from './meta-updates.js';
import type { EpisodeSteps, WorkerOptions } from './worker.js';

/** A text as hosts take it. */
export const textOf = (inputIds: readonly number[]): EncodedText => ({
  inputIds,
  tokenTypeIds: inputIds.map(() => 0),
});

/** What a batch is learned for: the next token by decoders, else its labels. */
export function updatesOf(batch: WorkerOptions['batch'], isDecoder: boolean, episodes?: EpisodeSteps): Updates {
  if (isDecoder) return { source: languageTexts(batch.map((row) => wholeText(row))), objective: nextToken(), steps: 1 };
  const examples = batch.map(({ inputIds, label }) => ({ text: textOf(inputIds), label }));
  if (episodes) return metaUpdates(episodes, examples);
  const { source, objective } = labelledTask({ train: examples });
  return { source, objective, steps: 1 };
}
