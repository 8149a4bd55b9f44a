import * as tf from '@tensorflow/tfjs';

export interface AdamWSettings {
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  /** Decoupled weight decay, on tensors of rank 2 and more. */
  readonly weightDecay: number;
}

/** One tensor with its moments and its part in an update. */
export interface AdamWInput {
  readonly value: tf.Tensor;
  /** Absent where the loss does not depend on the tensor: it then stays as it is, with its moments. */
  readonly gradient?: tf.Tensor;
  readonly firstMoment: tf.Tensor;
  readonly secondMoment: tf.Tensor;
  readonly learningRate: number;
}

export interface AdamWOutput {
  readonly value: tf.Tensor;
  readonly firstMoment: tf.Tensor;
  readonly secondMoment: tf.Tensor;
}

/**
 * One AdamW update (Loshchilov and Hutter 2019, algorithm 2, as torch.optim.AdamW computes it) of all tensors; `step` counts from 1.
 * Gradients are first multiplied by the scalar `gradientScale`. Call inside `tf.tidy`; the results are new tensors.
 *
 * Moments are stored as M = m / (1 - beta1) and V = v / (1 - beta2), and both bias corrections are folded into the rate and epsilon:
 * with c1 = (1 - beta1) / (1 - beta1^t) and c2 = (1 - beta2) / (1 - beta2^t), lr · c1 M / (sqrt(c2 V) + eps) is
 * (lr · c1 / sqrt(c2)) · M / (sqrt(V) + eps / sqrt(c2)). That makes eleven kernels a tensor instead of eighteen.
 */
export function applyAdamW(
  inputs: readonly AdamWInput[],
  { betas, epsilon, weightDecay }: AdamWSettings,
  step: number,
  gradientScale?: tf.Scalar,
): AdamWOutput[] {
  const [beta1, beta2] = betas;
  const first = (1 - beta1) / (1 - beta1 ** step);
  const second = Math.sqrt((1 - beta2) / (1 - beta2 ** step));
  const scalar = rememberScalars();
  const fused = tf.getKernel('TfjsPeftAdamW', tf.getBackend()) !== undefined;
  return inputs.map(({ value, gradient, firstMoment, secondMoment, learningRate }) => {
    if (!gradient) return { value, firstMoment, secondMoment };
    if (fused) {
      const keep = value.rank >= 2 ? 1 - learningRate * weightDecay : 1;
      const numbers = [beta1, beta2, epsilon / second, keep, (learningRate * first) / second];
      return fusedUpdate({
        value,
        gradient,
        firstMoment,
        secondMoment,
        gradientScale: gradientScale ?? scalar(1),
        numbers: tf.tensor1d(numbers),
      });
    }
    const scaled = gradientScale ? gradient.mul(gradientScale) : gradient;
    const newFirst = firstMoment.mul(scalar(beta1)).add(scaled);
    const newSecond = secondMoment.mul(scalar(beta2)).add(scaled.square());
    const direction = newFirst.div(newSecond.sqrt().add(scalar(epsilon / second)));
    const decay = value.rank >= 2 ? learningRate * weightDecay : 0;
    const kept = decay === 0 ? value : value.mul(scalar(1 - decay));
    const newValue = kept.sub(direction.mul(scalar((learningRate * first) / second)));
    return { value: newValue, firstMoment: newFirst, secondMoment: newSecond };
  });
}

/** The same update by the fused kernel of `npm run setup:native`: one pass over each tensor. */
function fusedUpdate(inputs: tf.NamedTensorMap): AdamWOutput {
  const [value, firstMoment, secondMoment] = tf.engine().runKernel('TfjsPeftAdamW', inputs) as tf.Tensor[];
  return { value: value!, firstMoment: firstMoment!, secondMoment: secondMoment! };
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
