import { PeftError } from '@tfjs-peft/peft-core';
import { checkTexts } from './host-pass.js';
import { isLabel, type LossKind } from './loss.js';
import type { TrainingExample } from './training-request.js';

/** What can be refused before anything is computed. Errors: `TRAINING_DATA_EMPTY`, `TEXT_EMPTY`, `LABEL_INVALID`. */
export function checkRequest({ train, dev, loss }: CheckedRequest): void {
  if (train.length === 0)
    throw new PeftError('TRAINING_DATA_EMPTY', { found: 'no training examples', expected: 'at least one' });
  for (const [split, examples] of Object.entries({ train, dev })) {
    checkTexts(
      examples.map(({ text }) => text),
      split,
    );
    const bad = examples.findIndex(({ label }) => !isLabel(loss, label));
    if (bad >= 0)
      throw new PeftError('LABEL_INVALID', {
        found: `label ${examples[bad]!.label} of example ${bad} of ${split}`,
        expected: loss === 'cross_entropy' ? 'a class index: 0, 1, 2, ...' : 'a finite number',
        fix: loss === 'cross_entropy' ? 'for numbers, train with the loss mean_squared_error' : undefined,
      });
  }
}

interface CheckedRequest {
  readonly train: readonly TrainingExample[];
  readonly dev: readonly TrainingExample[];
  readonly loss: LossKind;
}
