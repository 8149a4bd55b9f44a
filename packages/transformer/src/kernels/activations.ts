import * as tf from '@tensorflow/tfjs';
import { gelu } from './gelu.js';
import { hasFusedKernels, nativeGatedSilu, nativeGatedSiluGradient } from './native-kernels.js';

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

/** `activation(gate) ⊙ up` for two tensors of one shape, differentiable in both. */
export function activateGate(name: ActivationName, gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  if (activations[name] !== silu || !hasFusedKernels()) return activate(name, gate).mul(up);
  return tf.customGrad((a, b, save) => {
    (save as tf.GradSaveFunc)([a as tf.Tensor, b as tf.Tensor]);
    const gradFunc = (dy: tf.Tensor, [g, u]: tf.Tensor[]) => nativeGatedSiluGradient(dy, g!, u!);
    return { value: nativeGatedSilu(a as tf.Tensor, b as tf.Tensor), gradFunc };
  })(gate, up);
}
