import type { ParameterCount } from '@tfjs-peft/peft-core';
import type { HostDescription } from './describe-host.js';

/** Bytes. */
export interface MemoryEstimate {
  /** Frozen weights as float32. */
  readonly host: number;
  /** Values, gradients, two moments, and the best checkpoint. */
  readonly training: number;
  /** What the forward pass keeps for the gradient. */
  readonly activations: number;
}

const bytesPerNumber = 4;

/**
 * A rough estimate, meant to tell megabytes from gigabytes. A layer keeps about eight vectors of the hidden size a token (three projections,
 * context, two sums, two normalisations), two of the feed-forward size, and two rows of attention weights a head and token.
 */
export function estimateMemory(
  { spec, numbers, intermediateSize }: HostDescription,
  counts: ParameterCount,
  batchSize: number,
  tokens: number,
): MemoryEstimate {
  const perToken = 8 * spec.hiddenSize + 2 * intermediateSize + 2 * spec.numAttentionHeads * tokens;
  return {
    host: numbers * bytesPerNumber,
    training: counts.trainable * bytesPerNumber * 5,
    activations: spec.numHiddenLayers * batchSize * tokens * perToken * bytesPerNumber,
  };
}
