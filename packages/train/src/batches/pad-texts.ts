import { type EncodedText, type Host, padBatch, type PaddedBatch, PeftError } from '@tfjs-peft/peft-core';

/** Texts as a padded batch of this host. */
export const padTexts = (
  host: Host,
  texts: readonly EncodedText[],
  maxTokens = host.spec.maxPositionEmbeddings,
): PaddedBatch => padBatch(texts, host.spec.padTokenId, { maxTokens });

/** Errors: `TEXT_EMPTY`, `TEXT_MISSHAPEN`. */
export function checkTexts(texts: readonly EncodedText[], split?: string): void {
  const uneven = texts.findIndex(({ inputIds, tokenTypeIds }) => tokenTypeIds.length !== inputIds.length);
  if (uneven >= 0)
    throw new PeftError('TEXT_MISSHAPEN', {
      found: `text ${uneven}${split ? ` of ${split}` : ''} has ${texts[uneven]!.inputIds.length} tokens and ${texts[uneven]!.tokenTypeIds.length} token types`,
      expected: 'a type for each token, 0 where there is one text',
    });
  const empty = texts.findIndex(({ inputIds }) => inputIds.length === 0);
  if (empty < 0) return;
  throw new PeftError('TEXT_EMPTY', {
    found: `text ${empty}${split ? ` of ${split}` : ''} has no tokens at all`,
    expected: 'at least one token a text; an encoded empty text has its special tokens',
    fix: 'encode the text with special tokens, or leave it out',
  });
}

/** Errors: `PREDICTION_ABORTED`. */
export function requireGoingOn(signal: AbortSignal | undefined, done: number, total: number): void {
  if (signal?.aborted) throw new PeftError('PREDICTION_ABORTED', { found: `stopped after ${done} of ${total} texts` });
}
