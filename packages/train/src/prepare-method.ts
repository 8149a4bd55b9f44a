import { type Host, type HostInputs, type PeftMethod } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { padTexts } from './host-pass.js';
import type { TrainingExample } from './training-request.js';

/** The concrete method for this host and these data; the method itself if it has nothing to prepare. */
export const prepareMethod = async (
  method: PeftMethod,
  host: Host,
  examples: readonly TrainingExample[],
  batchSize: number,
): Promise<PeftMethod> => (method.prepare ? method.prepare(host, paddedBatches(host, examples, batchSize)) : method);

/** The training texts in their order, padded; a batch is disposed when the next one is asked for. */
async function* paddedBatches(
  host: Host,
  examples: readonly TrainingExample[],
  batchSize: number,
): AsyncGenerator<HostInputs> {
  for (let start = 0; start < examples.length; start += batchSize) {
    const inputs = padTexts(
      host,
      examples.slice(start, start + batchSize).map(({ text }) => text),
    );
    try {
      yield inputs;
    } finally {
      tf.dispose({ ...inputs });
    }
  }
}
