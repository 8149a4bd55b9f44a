import { createStream, type NamedArray, substream, toParameters } from '@tfjs-peft/peft-core';
import { normals, randomWords, sizeOf } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { breakEffective } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { ifNarrow } from '../kit/tiny-host.js';
import { requireThat } from '../kit/failure.js';
import type { Subject } from '../kit/subject.js';
import type { LossOf } from '../kit/cross-entropy.js';
import { gradientsOf, toFirstStep, trainingLoss, type TrainingState } from '../kit/training-step.js';

export const gradients: ConformanceCheck = {
  name: 'gradients',
  claim: 'gradients of every trainable parameter are central differences of the training loss',
  run: checkGradients,
  controls: [
    {
      breaks: 'gives gradients that are 20 % too large',
      apply: (subject) => withGradientFactor(subject, 1.2),
      fails: /central difference/,
    },
    {
      breaks: 'stops the gradient on its way',
      apply: (subject) => withGradientFactor(subject, 0),
      fails: /central difference/,
    },
  ],
};

/** Tried in turn: the first is best for rounding, the last for kinks of ReLUs and strong curvature. */
const stepSizes = [1e-2, 3e-3, 1e-3];
/** Relative rounding of a pass in float32. */
const rounding = 1e-6;
/** A smaller step is of use only while rounding stays below this share of the steepest slope seen: it would let any small gradient pass. */
const usefulNoise = 0.2;

async function checkGradients(subject: Subject): Promise<void> {
  const state = toFirstStep(subject);
  const found = tf.tidy(() => [...gradientsOf(subject, state, lossOf)]);
  const arrays = new Map(
    await Promise.all(
      [...state.raw].map(async ([name, tensor]): Promise<[string, NamedArray]> => [
        name,
        { shape: tensor.shape, data: (await tensor.data()).slice() as Float32Array },
      ]),
    ),
  );
  for (const [name, tensor] of found) {
    if (subject.options.notDerivatives?.some(({ parameters }) => parameters.test(name))) continue;
    const gradient = (await tensor.data()) as Float32Array;
    for (const { what, direction } of directionsFor(name, gradient))
      await compareDirection(subject, state, arrays, name, what, direction, gradient);
  }
}

interface Direction {
  readonly what: string;
  readonly direction: Float32Array;
}

/** All entries at once in a random direction, the entry with the largest gradient and a random one. */
function directionsFor(name: string, gradient: Float32Array): Direction[] {
  const size = gradient.length;
  const stream = substream(createStream('directions'), name);
  const noise = normals(stream, size);
  const length = Math.hypot(...noise);
  const largest = gradient.reduce(
    (best, value, index) => (Math.abs(value) > Math.abs(gradient[best]!) ? index : best),
    0,
  );
  const entries = new Set([largest, randomWords(stream, 1)[0]! % size]);
  return [
    { what: 'along a random direction', direction: noise.map((value) => value / length) },
    ...[...entries].map((index) => ({
      what: `at entry ${index}`,
      direction: Float32Array.from({ length: size }, (_, i) => (i === index ? 1 : 0)),
    })),
  ];
}

async function compareDirection(
  subject: Subject,
  state: TrainingState,
  arrays: ReadonlyMap<string, NamedArray>,
  name: string,
  what: string,
  direction: Float32Array,
  gradient: Float32Array,
): Promise<void> {
  const slope = gradient.reduce((sum, value, i) => sum + value * direction[i]!, 0);
  const tried: string[] = [];
  let steepest = 0;
  for (const step of stepSizes) {
    const [above, below] = [await lossAt(step), await lossAt(-step)];
    const difference = (above - below) / (2 * step);
    const noise = (rounding * Math.max(1, Math.abs(above))) / step;
    const scale = Math.max(Math.abs(slope), Math.abs(difference));
    steepest = Math.max(steepest, scale);
    if (tried.length > 0 && noise > usefulNoise * steepest) break;
    const bound = subject.tolerances.gradient * scale + noise;
    if (Math.abs(slope - difference) <= bound) return;
    tried.push(`${difference.toPrecision(4)} (step ${step})`);
  }
  requireThat(
    false,
    `gradient of "${name}" ${what} is ${slope.toPrecision(4)}, the central difference ${tried.join(', ')}; ${ifNarrow}`,
  );

  async function lossAt(step: number): Promise<number> {
    const { shape, data } = arrays.get(name)!;
    const loss = tf.tidy(() => {
      const moved = toParameters(new Map([[name, { shape, data: data.map((x, i) => x + step * direction[i]!) }]]));
      return trainingLoss(subject, { ...state, raw: new Map([...state.raw, ...moved]) }, lossOf);
    });
    const [value] = await loss.data();
    loss.dispose();
    return value!;
  }
}

/** A random linear function of the logits: steep everywhere and without curvature of its own. */
const lossOf: LossOf = (logits) => {
  const weights = normals(createStream('loss'), sizeOf(logits.shape));
  return logits.mul(tf.tensor(weights, logits.shape)).sum() as tf.Scalar;
};

const withGradientFactor = (subject: Subject, factor: number): Subject =>
  breakEffective(subject, (tensor) =>
    tf.customGrad((x) => ({
      value: (x as tf.Tensor).clone(),
      gradFunc: (dy: tf.Tensor) => dy.mul(factor),
    }))(tensor),
  );
