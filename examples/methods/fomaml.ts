// First-order MAML (Finn et al. 2017, arXiv 1703.03400) over any method: a start from which a few steps learn a new task. Tasks here are
// "which of the two kinds is called 1?": nothing can be right before adapting, so what improves is how fast it adapts.
import { lora } from '@tfjs-peft/lora';
import {
  compose,
  createStream,
  disposeParameters,
  evaluationContext,
  head,
  initialValues,
  type Parameters,
  type PeftMethod,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { type Batch, lossAndGradients, type Objective, randomPermutation } from '@tfjs-peft/peft-core/authoring';
import { crossEntropy, sgd, toBatch } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import { labels, openSetting } from './setting.js';

const { host, examples } = await openSetting();
const method: PeftMethod = compose(lora({ rank: 4 }), head({ labels }));
const objective: Objective<readonly number[]> = crossEntropy();

const gradientsAt = (raw: Parameters, batch: Batch<readonly number[]>) =>
  lossAndGradients({
    host,
    method,
    raw,
    batch,
    objective,
    context: evaluationContext(host.spec, batch.targets.length),
  });

/** `steps` steps of plain gradient descent from `raw` on one batch. New tensors; call inside `tf.tidy`. */
function adapt(raw: Parameters, batch: Batch<readonly number[]>, steps: number, learningRate: number): Parameters {
  const rule = sgd();
  let parameters = raw;
  for (let step = 1; step <= steps; step++) {
    const { gradients } = gradientsAt(parameters, batch);
    const settingsOf = () => ({ learningRate, weightDecay: 0 });
    ({ parameters } = rule.update({ parameters, gradients, state: rule.init(parameters), step, settingsOf }));
  }
  return parameters;
}

/** Support and query texts of task `number`: labels are swapped in every second one. */
function taskOf(number: number) {
  const order = randomPermutation(substream(createStream(13), 'task', number), examples.length);
  const batch = (places: Int32Array) =>
    toBatch(host, {
      texts: [...places].map((place) => examples[place]!.text),
      targets: [...places].map((place) => (examples[place]!.label + number) % 2),
    });
  return { support: batch(order.slice(0, 8)), query: batch(order.slice(8, 16)) };
}

const inner = { steps: 3, learningRate: 0.3 };
/** Loss on the query texts after adapting to the support texts, and its gradient there: the meta-gradient to first order. */
function metaLoss(raw: Parameters, number: number) {
  const { support, query } = taskOf(number);
  return gradientsAt(adapt(raw, support, inner.steps, inner.learningRate), query);
}

/** The mean over tasks that were not learned. */
const lossAfterAdapting = async (raw: Parameters) => {
  const mean = tf.tidy(() => tf.addN([100, 101].map((number) => metaLoss(raw, number).loss)).div(2));
  const [loss] = await mean.data();
  mean.dispose();
  return loss!;
};

const outer = sgd();
let raw: Parameters = toParameters(initialValues(method.plan(host.spec), createStream(13)));
const before = await lossAfterAdapting(raw);
for (let step = 1; step <= 6; step++) {
  const old = raw;
  // `tf.tidy` looks for its results in plain objects, not in maps.
  const updated = tf.tidy(() => {
    const tasks = [2 * step, 2 * step + 1].map((number) => metaLoss(old, number).gradients);
    const gradients = new Map([...tasks[0]!].map(([name, first]) => [name, first.add(tasks[1]!.get(name)!).div(2)]));
    const settingsOf = () => ({ learningRate: 0.5, weightDecay: 0 });
    const update = { parameters: old, gradients, state: outer.init(old), step, settingsOf };
    return Object.fromEntries(outer.update(update).parameters);
  });
  raw = new Map(Object.entries(updated));
  for (const [name, tensor] of old) if (tensor !== raw.get(name)) tensor.dispose();
}
const after = await lossAfterAdapting(raw);
console.log(
  `loss on new tasks after ${inner.steps} steps: ${before.toFixed(3)} before meta-training, ${after.toFixed(3)} after`,
);
if (!(after < before)) throw new Error('meta-training did not help');
disposeParameters(raw);
