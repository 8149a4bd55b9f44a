// The gradient of every single text, in one backward pass: each text gets a copy of LoRA's parameters along a batch axis, and the gradient of
// a copy is that of its text. For influence, outlier search, gradient kernels, clipping by example.
import { lora } from '@tfjs-peft/lora';
import {
  compose,
  createStream,
  evaluationContext,
  head,
  initialValues,
  type Parameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import { lossAndGradients } from '@tfjs-peft/peft-core/authoring';
import { crossEntropy, toBatch } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import { labels, openSetting } from './setting.js';

const { host, examples } = await openSetting();
const method = compose(lora({ rank: 4, initialisation: 'random' }), head({ labels }));
const plan = method.plan(host.spec);
// Not at LoRA's start, where half of the gradients are zero.
const raw = toParameters(initialValues(plan, createStream(13)));
const few = examples.slice(0, 8);

/** Copies along a leading axis, for parameters whose plan allows one. */
const copies = (parameters: Parameters, count: number): Parameters =>
  new Map(
    [...parameters].map(([name, value]) => {
      const { perExample } = plan.effective.find((spec) => spec.name === name)!;
      return [name, perExample === 'axis' ? tf.tile(value.expandDims(0), [count, ...value.shape.map(() => 1)]) : value];
    }),
  );

const [largest, norms] = tf.tidy(() => {
  const batch = toBatch(host, { texts: few.map(({ text }) => text), targets: few.map(({ label }) => label) });
  const context = evaluationContext(host.spec, few.length);
  const shared = { host, method, batch, objective: crossEntropy(), context };
  const whole = lossAndGradients({ ...shared, raw }).gradients;
  const single = lossAndGradients({ ...shared, raw: copies(raw, few.length) }).gradients;
  // The loss is a mean, so the copies' gradients sum to that of the batch.
  const distances = [...whole].map(([name, gradient]) => single.get(name)!.sum(0).sub(gradient).abs().max());
  const squares = [...single.values()].map((gradient) =>
    gradient.mul(few.length).square().reshape([few.length, -1]).sum(1),
  );
  return [tf.stack(distances).max(), tf.addN(squares).sqrt()] as const;
});
const [difference] = await largest.data();
console.log(`sum over ${few.length} texts against the gradient of the batch: ${difference!.toExponential(1)}`);
console.log(`norm of each text's gradient: ${[...(await norms.data())].map((norm) => norm.toFixed(2)).join(', ')}`);
if (!(difference! < 1e-5)) throw new Error('the gradients of the texts do not sum to that of the batch');
tf.dispose([largest, norms, ...raw.values()]);
