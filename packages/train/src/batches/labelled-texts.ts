import { createStream, type EncodedText, PeftError } from '@tfjs-peft/peft-core';
import type { LogitsObjective } from '../objectives/logits-objective.js';
import { createBatchOrder } from './batch-order.js';
import type { BatchSource } from './batch-source.js';
import { checkTexts } from './pad-texts.js';

/** A text and what should be said of it. */
export interface LabelledExample<Target = number> {
  readonly text: EncodedText;
  /** As the objective wants it: a class index, a number, the indices of several labels. */
  readonly label: Target;
}

/**
 * Texts with one target each, in a new order every epoch; the last batch of an epoch may be smaller.
 * Errors: `TRAINING_DATA_EMPTY`, `TEXT_EMPTY`, `LABEL_INVALID`.
 */
export function labelledTexts<Target = number>(
  examples: readonly LabelledExample<Target>[],
  objective: Pick<LogitsObjective<Target>, 'isTarget' | 'targets'>,
): BatchSource<readonly Target[]> {
  if (examples.length === 0)
    throw new PeftError('TRAINING_DATA_EMPTY', { found: 'no training examples', expected: 'at least one' });
  checkExamples(examples, objective, 'train');
  const indicesOf = createBatchOrder(examples.length);
  const select = (indices: readonly number[]) => ({
    texts: indices.map((index) => examples[index]!.text),
    targets: indices.map((index) => examples[index]!.label),
  });
  return {
    identity: identifyExamples(examples),
    examples: examples.length,
    batch: (step, batchSize, stream) => select(indicesOf(step, batchSize, stream)),
    *inOrder(batchSize) {
      for (let start = 0; start < examples.length; start += batchSize)
        yield select(Array.from({ length: Math.min(batchSize, examples.length - start) }, (_, i) => start + i));
    },
  };
}

/** Errors: `TEXT_EMPTY`, `LABEL_INVALID`. */
export function checkExamples<Target>(
  examples: readonly LabelledExample<Target>[],
  { isTarget, targets }: Pick<LogitsObjective<Target>, 'isTarget' | 'targets'>,
  split: string,
): void {
  checkTexts(
    examples.map(({ text }) => text),
    split,
  );
  const bad = examples.findIndex(({ label }) => !isTarget(label));
  if (bad < 0) return;
  throw new PeftError('LABEL_INVALID', {
    found: `label ${JSON.stringify(examples[bad]!.label)} of example ${bad} of ${split}`,
    expected: targets,
    fix: 'choose the objective that fits the labels: crossEntropy, squaredError or labelSets',
  });
}

/** Number of examples and a digest over texts and labels in order. */
export const identifyExamples = <Target>(examples: readonly LabelledExample<Target>[]) => ({
  examples: examples.length,
  digest: digestExamples(examples),
});

/** A 64-bit digest (of SHA-256), piece by piece to keep the strings small. */
function digestExamples<Target>(examples: readonly LabelledExample<Target>[]): string {
  const piece = 500;
  let digest = '';
  for (let start = 0; start < examples.length; start += piece) {
    const content = examples
      .slice(start, start + piece)
      .map(({ text, label }) => [text.inputIds, text.tokenTypeIds, label]);
    digest = createStream(digest + JSON.stringify(content))
      .key.map((word) => word.toString(16).padStart(8, '0'))
      .join('');
  }
  return digest;
}
