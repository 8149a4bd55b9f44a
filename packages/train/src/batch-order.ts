import { randomPermutation, type Stream, substream } from '@tfjs-peft/peft-core';

/**
 * Which examples update `step` (counted from 1) sees. Every epoch is a permutation of its own, which depends on the stream and the epoch
 * alone, so that the method being trained, resuming and evaluating cannot change it. The last batch of an epoch may be smaller.
 */
export function createBatchOrder(
  stream: Stream,
  examples: number,
  batchSize: number,
): (step: number) => readonly number[] {
  const stepsPerEpoch = Math.ceil(examples / batchSize);
  let known: { readonly epoch: number; readonly order: Int32Array } | undefined;
  return (step) => {
    const epoch = Math.floor((step - 1) / stepsPerEpoch);
    if (known?.epoch !== epoch) known = { epoch, order: randomPermutation(substream(stream, epoch), examples) };
    const start = ((step - 1) % stepsPerEpoch) * batchSize;
    return [...known.order.subarray(start, start + batchSize)];
  };
}
