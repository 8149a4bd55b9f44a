import type { Parameters } from '@tfjs-peft/peft-core';
import type { Optimiser, UpdateSettings } from '@tfjs-peft/peft-core/authoring';
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
      const scalar = rememberScalars();
      const fused = tf.getKernel('TfjsPeftAdamW', tf.getBackend()) !== undefined;
      return updateEach(
        update,
        ['firstMoments', 'secondMoments'],
        (value, gradient, [firstMoment, secondMoment], settings) => {
          const { learningRate, weightDecay }: UpdateSettings = settings;
          const keep = 1 - learningRate * weightDecay;
          if (fused) {
            const numbers = tf.tensor1d([beta1, beta2, epsilon / second, keep, (learningRate * first) / second]);
            const scale = gradientScale ?? scalar(1);
            const inputs = {
              value,
              gradient,
              firstMoment: firstMoment!,
              secondMoment: secondMoment!,
              gradientScale: scale,
              numbers,
            };
            const [newValue, ...moments] = tf.engine().runKernel('TfjsPeftAdamW', inputs) as tf.Tensor[];
            return { value: newValue!, state: moments };
          }
          const scaled = gradientScale ? gradient.mul(gradientScale) : gradient;
          const newFirst = firstMoment!.mul(scalar(beta1)).add(scaled);
          const newSecond = secondMoment!.mul(scalar(beta2)).add(scaled.square());
          const direction = newFirst.div(newSecond.sqrt().add(scalar(epsilon / second)));
          const kept = keep === 1 ? value : value.mul(scalar(keep));
          return {
            value: kept.sub(direction.mul(scalar((learningRate * first) / second))),
            state: [newFirst, newSecond],
          };
        },
      );
    },
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
