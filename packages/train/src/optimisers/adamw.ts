import type { Parameters } from '@tfjs-peft/peft-core';
import type { Optimiser, Update, UpdateSettings } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { updateEach, zerosFor } from './update-each.js';

/** Decay rates of both moments, and what keeps the divisor from zero. */
export interface AdamWSettings {
  readonly betas: readonly [number, number];
  readonly epsilon: number;
}

/**
 * AdamW (Loshchilov and Hutter 2019, algorithm 2, as torch.optim.AdamW computes it).
 *
 * Moments are stored as M = m / (1 - beta1) and V = v / (1 - beta2), and both bias corrections are folded into the rate and epsilon:
 * with c1 = (1 - beta1) / (1 - beta1^t) and c2 = (1 - beta2) / (1 - beta2^t), lr · c1 M / (sqrt(c2 V) + eps) is
 * (lr · c1 / sqrt(c2)) · M / (sqrt(V) + eps / sqrt(c2)). That makes eleven kernels a tensor instead of eighteen.
 */
export function adamW({ betas, epsilon }: AdamWSettings = { betas: [0.9, 0.999], epsilon: 1e-8 }): Optimiser {
  const [beta1, beta2] = betas;
  return {
    id: `adamw(betas=${betas.join(',')} epsilon=${epsilon})`,
    init: (parameters: Parameters) =>
      new Map([
        ['firstMoments', zerosFor(parameters)],
        ['secondMoments', zerosFor(parameters)],
      ]),
    update(update) {
      const { step, gradientScale } = update;
      const first = (1 - beta1) / (1 - beta1 ** step);
      const second = Math.sqrt((1 - beta2) / (1 - beta2 ** step));
      const numbersOf = ({ learningRate, weightDecay }: UpdateSettings): AdamWNumbers => ({
        beta1,
        beta2,
        epsilon: epsilon / second,
        keep: 1 - learningRate * weightDecay,
        rate: (learningRate * first) / second,
      });
      if (tf.getKernel('TfjsPeftUpdateAdamW', tf.getBackend())) return updateAtOnce(update, numbersOf);
      const scalar = rememberScalars();
      return updateEach(update, slots, (value, gradient, [firstMoment, secondMoment], settings) => {
        const numbers = numbersOf(settings);
        const scaled = gradientScale ? gradient.mul(gradientScale) : gradient;
        const newFirst = firstMoment!.mul(scalar(beta1)).add(scaled);
        const newSecond = secondMoment!.mul(scalar(beta2)).add(scaled.square());
        const direction = newFirst.div(newSecond.sqrt().add(scalar(numbers.epsilon)));
        const kept = numbers.keep === 1 ? value : value.mul(scalar(numbers.keep));
        return { value: kept.sub(direction.mul(scalar(numbers.rate))), state: [newFirst, newSecond] };
      });
    },
  };
}

const slots = ['firstMoments', 'secondMoments'] as const;

/** What the rule of one parameter needs, in the order in which the fused kernel takes it. */
interface AdamWNumbers {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly keep: number;
  readonly rate: number;
}

/** All parameters in one call of the fused kernel: the same numbers in a hundredth of the calls. */
function updateAtOnce(
  { parameters, gradients, state, gradientScale, settingsOf }: Update,
  numbersOf: (settings: UpdateSettings) => AdamWNumbers,
): ReturnType<Optimiser['update']> {
  const names = [...parameters.keys()].filter((name) => gradients.has(name));
  const lists = [parameters, gradients, ...slots.map((slot) => state.get(slot)!)];
  const numbers = names.flatMap((name) => {
    const { beta1, beta2, epsilon, keep, rate } = numbersOf(settingsOf(name));
    return [beta1, beta2, epsilon, keep, rate];
  });
  const inputs = [
    ...lists.flatMap((list) => names.map((name) => list.get(name)!)),
    gradientScale ?? tf.scalar(1),
    tf.tensor1d(numbers),
  ];
  const updated =
    names.length === 0
      ? []
      : (tf.engine().runKernel('TfjsPeftUpdateAdamW', inputs as unknown as tf.NamedTensorMap, {
          count: names.length,
        }) as tf.Tensor[]);
  // All keep their order; those without a gradient stay as they are.
  const replaced = (old: Parameters, list: number): Parameters => {
    const fresh = new Map(names.map((name, index) => [name, updated[list * names.length + index]!]));
    return new Map([...parameters.keys()].map((name) => [name, fresh.get(name) ?? old.get(name)!]));
  };
  return {
    parameters: replaced(parameters, 0),
    state: new Map(slots.map((slot, index) => [slot, replaced(state.get(slot)!, index + 1)])),
  };
}

/** One upload for each distinct number of an update. */
function rememberScalars(): (value: number) => tf.Scalar {
  const known = new Map<number, tf.Scalar>();
  return (value) => {
    const scalar = known.get(value) ?? tf.scalar(value);
    known.set(value, scalar);
    return scalar;
  };
}
