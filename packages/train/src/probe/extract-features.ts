import {
  type EncodedText,
  evaluationContext,
  type Host,
  type Parameters,
  type PeftMethod,
  type Readout,
} from '@tfjs-peft/peft-core';
import type { ReadoutMap } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { checkTexts, padTexts, requireGoingOn } from '../batches/pad-texts.js';
import { withinMemory } from '../batches/within-memory.js';
import { lengthSortedBatches } from '../batches/length-sorted-batches.js';
import { requireLogits } from '../objectives/require-logits.js';
import { yieldToEventLoop } from '../evaluate/yield-to-event-loop.js';

/** Which texts, on which host, with which adapter. */
export interface FeatureOptions {
  readonly host: Host;
  /** Acts on the host, at its deployed point; nothing does if absent. */
  readonly adapter?: { readonly method: PeftMethod; readonly effective: Parameters };
  readonly texts: readonly EncodedText[];
  /** The host's usual one if absent. */
  readonly readout?: Readout;
  /** Default 64. */
  readonly batchSize?: number;
  /** Is told after each batch; counts texts. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Pooled features `[texts, hidden]` (row-major) of the host, alone or with an adapter, in the order of the input: what a linear model is
 * fitted on. Errors: `TEXT_EMPTY`, `PREDICTION_ABORTED`, `BACKEND_OUT_OF_MEMORY`, and those of the host for a readout it lacks.
 */
export async function extractFeatures({
  host,
  adapter,
  texts,
  readout,
  batchSize = 64,
  onProgress,
  signal,
}: FeatureOptions): Promise<Float32Array> {
  checkTexts(texts);
  const size = host.spec.hiddenSize;
  const features = new Float32Array(texts.length * size);
  let done = 0;
  for (const batch of lengthSortedBatches(texts, batchSize)) {
    requireGoingOn(signal, done, texts.length);
    const own = batch.map((index) => texts[index]!);
    const pass = () => {
      const inputs = padTexts(host, own);
      const context = evaluationContext(host.spec, batch.length);
      const head = identityHead(readout ?? host.spec.defaultReadout, size);
      const interventions = adapter ? adapter.method.intervene(adapter.effective, context) : [];
      return requireLogits(host.forward(inputs, [...interventions, head], { ...context, reads: 'logits' }));
    };
    const pooled = withinMemory(own, () => tf.tidy(pass));
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

/** Logits that are the features `[batch, size]` themselves: only a pass knows where a mask is, and it need not compute what no logit reads. */
const identityHead = (readout: Readout, size: number): ReadoutMap => ({
  kind: 'readout',
  readout,
  weight: tf.eye(size),
  bias: tf.zeros([size]),
  dropout: 0,
});
