import {
  type EncodedText,
  type HostInputs,
  type HostSpec,
  padBatch,
  type PaddedBatch,
  sitesOfKind,
} from '@tfjs-peft/peft-core';
import type { Batch } from '@tfjs-peft/peft-core/authoring';
import type * as tf from '@tensorflow/tfjs';

/** Three texts of different lengths, so that a batch of them is padded. */
export const textsOf = (host: HostSpec): EncodedText[] => [4, 3, 6].map((length, row) => textOf(host, row, length));

/** Tokens `[batch, longest]`; the caller disposes them or is in a scope. */
export const batchOf = (host: HostSpec, texts: readonly EncodedText[] = textsOf(host)): PaddedBatch =>
  padBatch(texts, host.padTokenId, { multipleOf: 1 });

/** One example of a batch, padding included. */
export const takeRow = ({ inputIds, attentionMask, tokenTypeIds }: PaddedBatch, row: number): HostInputs => {
  const take = (tensor: tf.Tensor2D) => tensor.slice([row, 0], [1, -1]);
  return { inputIds: take(inputIds), attentionMask: take(attentionMask), tokenTypeIds: take(tokenTypeIds) };
};

/** Batches for `prepare`: enough different words for prefixes that start from words; classes 0, 1, 2, 0 as targets. */
async function* batchesOf(host: HostSpec): AsyncGenerator<Batch<readonly number[]>> {
  for (const first of [0, 4]) {
    const batch = batchOf(
      host,
      Array.from({ length: 4 }, (_, row) => textOf(host, first + row, 12)),
    );
    try {
      yield { inputs: batch, targets: [0, 1, 2, 0] };
    } finally {
      Object.values(batch).forEach((tensor) => tensor.dispose());
    }
  }
}

/** May be gone through more than once, as the contract of `prepare` says. */
export const preparationData = (host: HostSpec): AsyncIterable<Batch<readonly number[]>> => ({
  [Symbol.asyncIterator]: () => batchesOf(host),
});

/** Word ids from 5 on, which no family uses for special tokens, up to 63 or the end of a smaller vocabulary. */
function textOf(host: HostSpec, row: number, length: number): EncodedText {
  const vocabulary = Math.min(
    64,
    ...sitesOfKind(host, 'table')
      .slice(0, 1)
      .map(({ rows }) => rows),
  );
  const inputIds = Array.from({ length }, (_, position) => 5 + ((row * 13 + position * 7) % (vocabulary - 5)));
  return { inputIds, tokenTypeIds: inputIds.map(() => 0) };
}
