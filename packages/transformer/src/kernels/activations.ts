import * as tf from '@tensorflow/tfjs';
import { gelu } from './gelu.js';

const geluTanh = (x: tf.Tensor): tf.Tensor =>
  tf.tidy(() => {
    const inner = x.add(x.square().mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return x.mul(0.5).mul(inner.tanh().add(1));
  });
const silu = (x: tf.Tensor): tf.Tensor => x.mul(x.sigmoid());

/** Activations by the names of HF's config.json; `gelu` is the exact one (erf), the others of its family use tanh. */
const activations = {
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  gelu_fast: geluTanh,
  relu: (x: tf.Tensor): tf.Tensor => x.relu(),
  silu,
  swish: silu,
  tanh: (x: tf.Tensor): tf.Tensor => x.tanh(),
} satisfies Record<string, (x: tf.Tensor) => tf.Tensor>;

export type ActivationName = keyof typeof activations;
export const activationNames = Object.keys(activations) as readonly ActivationName[];
export const isActivationName = (name: string): name is ActivationName => Object.hasOwn(activations, name);

/** Applies an activation element by element; shape kept, differentiable. */
export const activate = (name: ActivationName, x: tf.Tensor): tf.Tensor => activations[name](x);
