import { type Stream, substream } from '@tfjs-peft/peft-core';
import { randomPermutation } from '@tfjs-peft/peft-core/authoring';

/**
 * Which examples update `step` (counted from 1) sees. Every epoch is a permutation of its own, which depends on the stream and the epoch
 * alone, so that the method being trained, resuming and evaluating cannot change it. The last batch of an epoch may be smaller.
 */
export function createBatchOrder(
  examples: number,
): (step: number, batchSize: number, stream: Stream) => readonly number[] {
  const orderOf = createEpochOrder(examples);
  return (step, batchSize, stream) => {
    const { epoch, start } = placeOfStep(step, examples, batchSize);
    return [...orderOf(stream, epoch).subarray(start, start + batchSize)];
  };
}

/** Where update `step` stands: its epoch, and its first example in that. */
export function placeOfStep(step: number, examples: number, batchSize: number) {
  const stepsPerEpoch = Math.ceil(examples / batchSize);
  return { epoch: Math.floor((step - 1) / stepsPerEpoch), start: ((step - 1) % stepsPerEpoch) * batchSize };
}

/** Permutations by stream and keys; the last one is kept, since steps come one after the other. */
export function createEpochOrder(size: number): (stream: Stream, ...keys: readonly (string | number)[]) => Int32Array {
  let known: { readonly stream: Stream; readonly key: string; readonly order: Int32Array } | undefined;
  return (stream, ...keys) => {
    const key = keys.join(' ');
    if (known?.key !== key || known.stream !== stream)
      known = { stream, key, order: randomPermutation(substream(stream, ...keys), size) };
    return known.order;
  };
}
