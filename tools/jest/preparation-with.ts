import { compose, createStream } from '@tfjs-peft/peft-core';
import { type Batch, objectiveOfOutputs, type Preparation } from '@tfjs-peft/peft-core/authoring';
import type * as tf from '@tensorflow/tfjs';

/** What `prepare` gets in suites: no texts, nothing beside the method, the first vertex, unless told otherwise. */
export function preparationWith(parts: Partial<Preparation> = {}): Preparation {
  const stream = parts.stream ?? createStream(1);
  return {
    batches: noBatches,
    objective: objectiveOfOutputs('mean_state', ({ lastHiddenState }) => lastHiddenState.mean() as tf.Scalar),
    others: compose(),
    shared: stream,
    stream,
    vertex: 0,
    ...parts,
  };
}

const noBatches: AsyncIterable<Batch> = { async *[Symbol.asyncIterator]() {} };
