import { type EncodedText, evaluationContext, type Host, type Readout } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { checkTexts, padTexts } from '../batches/pad-texts.js';
import { lengthSortedBatches } from '../batches/length-sorted-batches.js';
import { yieldToEventLoop } from '../evaluate/yield-to-event-loop.js';

export interface FeatureOptions {
  readonly host: Host;
  readonly texts: readonly EncodedText[];
  /** The host's usual one if absent. */
  readonly readout?: Readout;
  /** Default 64. */
  readonly batchSize?: number;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * Pooled features `[texts, hidden]` (row-major) of the host alone, in the order of the input: what a linear probe is fitted on.
 * Errors: `TEXT_EMPTY`, and those of the host for a readout it lacks.
 */
export async function extractFeatures({
  host,
  texts,
  readout,
  batchSize = 64,
  onProgress,
}: FeatureOptions): Promise<Float32Array> {
  checkTexts(texts);
  const size = host.spec.hiddenSize;
  const features = new Float32Array(texts.length * size);
  let done = 0;
  for (const batch of lengthSortedBatches(texts, batchSize)) {
    const pooled = tf.tidy(() => {
      const inputs = padTexts(
        host,
        batch.map((index) => texts[index]!),
      );
      const { lastHiddenState } = host.forward(inputs, [], evaluationContext(host.spec, batch.length));
      return host.readOut(lastHiddenState, inputs.attentionMask, readout ?? host.spec.defaultReadout);
    });
    try {
      const rows = await pooled.data();
      batch.forEach((text, row) => features.set(rows.slice(row * size, (row + 1) * size), text * size));
    } finally {
      pooled.dispose();
    }
    done += batch.length;
    onProgress?.({ done, total: texts.length });
    await yieldToEventLoop();
  }
  return features;
}
