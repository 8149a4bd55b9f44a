import type * as tf from '@tensorflow/tfjs';

/** Names as in HF's configurations. */
export const activationNames = [
  'relu',
  'gelu',
  'gelu_new',
  'swish',
  'tanh',
  'sigmoid',
  'leaky_relu',
  'identity',
] as const;
export type ActivationName = (typeof activationNames)[number];

const activations: Record<ActivationName, (x: tf.Tensor) => tf.Tensor> = {
  relu: (x) => x.relu(),
  gelu: (x) => x.mul(x.mul(Math.SQRT1_2).erf().add(1)).mul(0.5),
  gelu_new: (x) => {
    const inner = x.add(x.square().mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return x.mul(inner.tanh().add(1)).mul(0.5);
  },
  swish: (x) => x.mul(x.sigmoid()),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  leaky_relu: (x) => x.leakyRelu(0.01),
  identity: (x) => x,
};

/** Element by element; shape kept, differentiable. */
export const activate = (name: ActivationName, x: tf.Tensor): tf.Tensor => activations[name](x);
