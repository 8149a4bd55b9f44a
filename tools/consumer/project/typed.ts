import * as tf from '@tensorflow/tfjs';
import {
  compose,
  type Context,
  createStream,
  head,
  initialValues,
  padBatch,
  type Parameters,
  type PeftMethod,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { createRandomHost } from '@tfjs-peft/transformer';

declare const console: { log(text: string): void };

tf.env().set('PROD', true);
const host = await createRandomHost({}, 1);
const method: PeftMethod = subspace(
  compose(prefix({ prefixLength: 4, reparametrisation: 'none' }), head({ labels: ['no', 'yes'] })),
);
const seed = createStream(1);
const raw: Parameters = toParameters(initialValues(method.plan(host.spec), seed));
const names = [...raw.keys()];
const inputs = padBatch(
  [7, 8].map((first) => ({ inputIds: [2, first, 3], tokenTypeIds: [0, 0, 0] })),
  host.spec.padTokenId,
);
const labels = tf.oneHot(tf.tensor1d([0, 1], 'int32'), 2);
let tensors = [...raw.values()];
let last = Infinity;
for (let step = 0; step < 5; step++) {
  const stream = substream(seed, 'step', step);
  const context: Context = {
    mode: 'train',
    host: host.spec,
    batchSize: 2,
    streams: { dropout: stream, draws: stream },
  };
  const loss = (...values: tf.Tensor[]): tf.Scalar => {
    const effective = effectiveParameters(method, new Map(names.map((name, i) => [name, values[i]!])), host.spec);
    const { logits } = host.forward(inputs, method.intervene(effective, context), context);
    return tf.losses.softmaxCrossEntropy(labels, logits!) as tf.Scalar;
  };
  const { value, grads } = tf.valueAndGrads(loss)(tensors);
  tensors = tensors.map((tensor, i) => tensor.sub(grads[i]!.mul(0.5)));
  last = (await value.data())[0]!;
}
console.log(`five steps, last loss ${last.toFixed(3)}`);
