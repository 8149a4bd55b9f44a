import { type Episode, fomaml, objectiveOfEpisodes, rowsOfList } from '@tfjs-peft/meta';
import {
  type BatchSource,
  crossEntropy,
  type LabelledExample,
  sgd,
  type TextBatch,
  type TrainingRequest,
} from '@tfjs-peft/train';
import type { EpisodeSteps } from './worker.js';

/** What is learned, and by which rule. */
export interface Updates extends Pick<TrainingRequest<unknown>, 'source' | 'objective' | 'rule' | 'optimiser'> {
  /** How many training steps are timed as one. */
  readonly steps: number;
}

/** Episodes an update, and inner steps on the support of each. */
const [episodes, innerSteps] = [4, 3];
/** Training steps that a plain "update" is. */
export const plainSteps = episodes * (innerSteps + 1);

/** The batch in eight parts of one size: support and query of each episode in turn. Both sides descend plainly inside, which is the cheapest step. */
export function metaUpdates(kind: EpisodeSteps, examples: readonly LabelledExample[]): Updates {
  const size = examples.length / (2 * episodes);
  const part = (index: number): TextBatch<readonly number[]> => {
    const rows = examples.slice(index * size, (index + 1) * size);
    return { texts: rows.map(({ text }) => text), targets: rows.map(({ label }) => label) };
  };
  const drawn = Array.from({ length: episodes }, (_, index): Episode<readonly number[]> => ({
    name: `${index}`,
    support: part(2 * index),
    query: part(2 * index + 1),
  }));
  const objective = crossEntropy();
  const optimiser = sgd();
  if (kind === 'plain') {
    const batches = drawn.flatMap(({ support, query }) => [
      ...Array.from({ length: innerSteps }, () => support),
      query,
    ]);
    return { source: inTurn(batches), objective, optimiser, steps: plainSteps };
  }
  const texts = drawn.flatMap(({ support, query }) => [...support.texts, ...query.texts]);
  const inner = { optimiser, learningRate: 0.01, clipNorm: 1, batchSize: null };
  return {
    source: inTurn([{ texts, targets: drawn }]),
    objective: objectiveOfEpisodes(objective),
    rule: fomaml({ objective, inner, steps: innerSteps, rows: rowsOfList<number> }),
    steps: 1,
  };
}

/** The same batches again and again. */
const inTurn = <Targets>(batches: readonly TextBatch<Targets>[]): BatchSource<Targets> => ({
  identity: {},
  examples: batches.length,
  batch: (step) => batches[(step - 1) % batches.length]!,
  inOrder: () => batches,
});
