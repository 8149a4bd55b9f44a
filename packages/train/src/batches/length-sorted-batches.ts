import type { EncodedText } from '@tfjs-peft/peft-core';

/**
 * Indices of texts in batches of similar length, so that little is padded. The longest come first: what does not fit into memory fails at
 * once.
 */
export function lengthSortedBatches(texts: readonly EncodedText[], batchSize: number): number[][] {
  const order = texts.map((_, index) => index);
  order.sort((a, b) => texts[b]!.inputIds.length - texts[a]!.inputIds.length || a - b);
  return Array.from({ length: Math.ceil(order.length / batchSize) }, (_, batch) =>
    order.slice(batch * batchSize, (batch + 1) * batchSize),
  );
}
