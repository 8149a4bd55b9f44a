import { evaluationContext, type Host, type HostInputs } from '@tfjs-peft/peft-core';
import type { Batch } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import type { TamsConfig } from './config.js';

/**
 * What a task is about: the mean `[hidden]` of the bare host's last states over all tokens of its texts, padding left out (Hou et al. 2022, equation 4).
 * Call inside `tf.tidy`, or dispose the result. No gradient goes through it.
 */
export const taskEmbedding = (host: Host, inputs: HostInputs, mean: TamsConfig['taskMean']): tf.Tensor1D =>
  tf.tidy(() => {
    const { sum, count } = sumOver(host, inputs, mean);
    return sum.div<tf.Tensor1D>(count);
  });

/** The same over several batches. */
export async function embeddingOfBatches(
  host: Host,
  batches: AsyncIterable<Batch>,
  mean: TamsConfig['taskMean'],
): Promise<Float32Array> {
  const total = new Float64Array(host.spec.hiddenSize);
  let texts = 0;
  for await (const { inputs } of batches) {
    const { sum, count } = tf.tidy(() => sumOver(host, inputs, mean));
    try {
      const [values, [more]] = await Promise.all([sum.data(), count.data()]);
      values.forEach((value, index) => (total[index]! += value));
      texts += more!;
    } finally {
      tf.dispose([sum, count]);
    }
  }
  return Float32Array.from(total, (value) => value / Math.max(texts, 1));
}

function sumOver(
  host: Host,
  inputs: HostInputs,
  mean: TamsConfig['taskMean'],
): { readonly sum: tf.Tensor1D; readonly count: tf.Scalar } {
  const batchSize = inputs.inputIds.shape[0];
  const { lastHiddenState } = host.forward(inputs, [], evaluationContext(host.spec, batchSize));
  const mask = inputs.attentionMask.toFloat();
  const ofText = lastHiddenState.mul(mask.expandDims(2)).sum(1);
  const lengths = mask.sum(1);
  if (mean === 'tokens') return { sum: ofText.sum(0), count: lengths.sum() };
  return { sum: ofText.div(lengths.maximum(1).expandDims(1)).sum(0), count: tf.scalar(batchSize) };
}
