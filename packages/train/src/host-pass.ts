import {
  type EncodedText,
  type Host,
  type HostOutputs,
  padBatch,
  type PaddedBatch,
  PeftError,
} from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';

/** Texts as a padded batch of this host. */
export const padTexts = (
  host: Host,
  texts: readonly EncodedText[],
  maxTokens = host.spec.maxPositionEmbeddings,
): PaddedBatch => padBatch(texts, host.spec.padTokenId, { maxTokens });

/** Errors: `LOGITS_MISSING`. */
export function requireLogits({ logits }: HostOutputs): tf.Tensor2D {
  if (logits) return logits;
  throw new PeftError('LOGITS_MISSING', {
    found: 'a pass that gave hidden states and no logits',
    expected: 'a method that acts at the readout',
    fix: 'compose the method with a head: compose(method, head({ labels }))',
  });
}

/** Errors: `TEXT_EMPTY`. */
export function checkTexts(texts: readonly EncodedText[], split?: string): void {
  const empty = texts.findIndex(({ inputIds }) => inputIds.length === 0);
  if (empty < 0) return;
  throw new PeftError('TEXT_EMPTY', {
    found: `text ${empty}${split ? ` of ${split}` : ''} has no tokens at all`,
    expected: 'at least one token a text; an encoded empty text has its special tokens',
    fix: 'encode the text with special tokens, or leave it out',
  });
}
