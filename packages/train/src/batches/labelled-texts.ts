import { type EncodedText, PeftError } from '@tfjs-peft/peft-core';
import type { LogitsObjective } from '../objectives/logits-objective.js';
import type { BatchSource } from './batch-source.js';
import { checkTexts } from './pad-texts.js';
import { identifyList, sourceOfTexts } from './source-of-texts.js';

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
  return sourceOfTexts(
    examples.map(({ text }) => text),
    examples.map(({ label }) => label),
    identifyExamples(examples),
  );
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
export const identifyExamples = <Target>(examples: readonly LabelledExample<Target>[]) =>
  identifyList(examples, ({ text, label }) => [text.inputIds, text.tokenTypeIds, label]);
