import type { Host, HostInputs, PeftMethod, Stream } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { padTexts } from './host-pass.js';
import type { TrainingExample } from './training-request.js';

/** The concrete method for this host and these data; the method itself if it has nothing to prepare. `stream` is that of initial values. */
export const prepareMethod = async (
  method: PeftMethod,
  host: Host,
  examples: readonly TrainingExample[],
  batchSize: number,
  stream: Stream,
): Promise<PeftMethod> => {
  if (!method.prepare) return method;
  // A new pass over the texts each time somebody asks: every part and every vertex may need one.
  const data = { [Symbol.asyncIterator]: () => paddedBatches(host, examples, batchSize) };
  return method.prepare(host, data, { stream, vertex: 0 });
};

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
