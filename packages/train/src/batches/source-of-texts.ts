import { createStream, type EncodedText } from '@tfjs-peft/peft-core';
import { createBatchOrder } from './batch-order.js';
import type { BatchSource } from './batch-source.js';

/** A source of texts with one target each, in a new order every epoch; the last batch of an epoch may be smaller. */
export function sourceOfTexts<Target>(
  texts: readonly EncodedText[],
  targets: readonly Target[],
  identity: BatchSource<readonly Target[]>['identity'],
): BatchSource<readonly Target[]> {
  const indicesOf = createBatchOrder(texts.length);
  const select = (indices: readonly number[]) => ({
    texts: indices.map((index) => texts[index]!),
    targets: indices.map((index) => targets[index]!),
  });
  return {
    identity,
    examples: texts.length,
    batch: (step, batchSize, stream) => select(indicesOf(step, batchSize, stream)),
    *inOrder(batchSize) {
      for (let start = 0; start < texts.length; start += batchSize)
        yield select(Array.from({ length: Math.min(batchSize, texts.length - start) }, (_, i) => start + i));
    },
  };
}

/** How many there are, and a 64-bit digest (of SHA-256) of their contents, piece by piece to keep the strings small. */
export function identifyList<Item>(list: readonly Item[], contentOf: (item: Item) => readonly unknown[]) {
  const piece = 500;
  let digest = '';
  for (let start = 0; start < list.length; start += piece)
    digest = createStream(digest + JSON.stringify(list.slice(start, start + piece).map(contentOf)))
      .key.map((word) => word.toString(16).padStart(8, '0'))
      .join('');
  return { examples: list.length, digest };
}
