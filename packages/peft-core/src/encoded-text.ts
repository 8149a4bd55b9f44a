import * as tf from '@tensorflow/tfjs';
import type { HostInputs } from './host.js';

/** Token ids of one text or pair, special tokens included, without padding. */
export interface EncodedText {
  readonly inputIds: readonly number[];
  /** 0 for the first text, 1 for the second of a pair; as long as `inputIds`. */
  readonly tokenTypeIds: readonly number[];
  /** The document of each token, ascending from 0, where several stand in one row; as long as `inputIds`. */
  readonly documents?: readonly number[];
}

/** Part of a batch that must be padding for it to pay to leave it out. */
const worthLeavingOut = 0.15;

/** What {@link padBatch} gives. */
export type PaddedBatch = HostInputs & { readonly tokenTypeIds: tf.Tensor2D };

/**
 * Pads texts to the longest of the batch, rounded up to a multiple of `multipleOf` (few distinct shapes, so that backends reuse their
 * buffers and kernels) but at most `maxTokens`. Result tensors are int32; the caller disposes them.
 */
export function padBatch(
  texts: readonly EncodedText[],
  padTokenId: number,
  { multipleOf = 8, maxTokens = Infinity }: { readonly multipleOf?: number; readonly maxTokens?: number } = {},
): PaddedBatch {
  const longest = Math.max(1, ...texts.map(({ inputIds }) => inputIds.length));
  const tokens = Math.max(longest, Math.min(Math.ceil(longest / multipleOf) * multipleOf, maxTokens));
  const fill = (value: number, rowOf: (text: EncodedText) => Iterable<number>) => {
    const values = new Int32Array(texts.length * tokens).fill(value);
    texts.forEach((text, row) => values.set([...rowOf(text)], row * tokens));
    return tf.tensor2d(values, [texts.length, tokens], 'int32');
  };
  const positions = texts.flatMap(({ inputIds }, row) => inputIds.map((_, token) => row * tokens + token));
  const sparse = positions.length < (1 - worthLeavingOut) * texts.length * tokens;
  const batch = {
    ...(sparse && { textPositions: tf.tensor1d(positions, 'int32') }),
    inputIds: fill(padTokenId, ({ inputIds }) => inputIds),
    attentionMask: fill(0, ({ inputIds }) => inputIds.map(() => 1)),
    tokenTypeIds: fill(0, ({ tokenTypeIds }) => tokenTypeIds),
    ...(texts.some(({ documents }) => documents) && {
      documentIds: fill(0, ({ documents, inputIds }) => documents ?? inputIds.map(() => 0)),
    }),
  };
  textsOfBatches.set(batch, texts);
  return batch;
}

const textsOfBatches = new WeakMap<HostInputs, readonly EncodedText[]>();

/** The texts of a batch that {@link padBatch} made: by them a host knows them again. Undefined for any other, changed copies of one among them. */
export const textsOf = (inputs: HostInputs): readonly EncodedText[] | undefined => textsOfBatches.get(inputs);
