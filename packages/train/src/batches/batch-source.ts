import type { EncodedText, Host, Stream } from '@tfjs-peft/peft-core';
import type { Batch } from '@tfjs-peft/peft-core/authoring';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { padTexts } from './pad-texts.js';

/** Texts of one update with their targets, before they are tensors. */
export interface TextBatch<Targets> {
  readonly texts: readonly EncodedText[];
  readonly targets: Targets;
}

/** Where a run takes its batches from: a pure function of step and stream, so that a run can go on anywhere. */
export interface BatchSource<Targets> {
  /** What it draws from, as data: a run continues only with the same. */
  readonly identity: JsonObject;
  /** How many an epoch has. */
  readonly examples: number;
  /** The batch of update `step` (counted from 1). */
  batch(step: number, batchSize: number, stream: Stream): TextBatch<Targets>;
  /** Everything once, in order: for methods that look at the data before training. */
  inOrder(batchSize: number): Iterable<TextBatch<Targets>>;
}

/** Call inside `tf.tidy`, or dispose its tensors. */
export const toBatch = <Targets>(host: Host, { texts, targets }: TextBatch<Targets>): Batch<Targets> => ({
  inputs: padTexts(host, texts),
  targets,
});
