import { type FoldedMethod, type HostSpec, type Stream, substream } from '@tfjs-peft/peft-core';
import { normals } from '@tfjs-peft/peft-core/authoring';
import { trainedEffective } from '@tfjs-peft/subspace';
import * as tf from '@tensorflow/tfjs';

/** Every trained tensor plus a Gaussian direction of `radius` times its own norm; what is not trained is the same tensor. Call inside `tf.tidy`. */
export function disturbTrained(
  { method, effective }: FoldedMethod,
  spec: HostSpec,
  radius: number,
  stream: Stream,
): FoldedMethod {
  const trained = new Set(trainedEffective(method, spec).map(({ name }) => name));
  const moved = [...effective].map(([name, tensor]): [string, tf.Tensor] => {
    if (!trained.has(name)) return [name, tensor];
    const direction = tf.tensor(normals(substream(stream, name), tensor.size), tensor.shape);
    const length = tensor.norm().mul(radius).div(direction.norm());
    return [name, tensor.add(direction.mul(length))];
  });
  return { method, effective: new Map(moved) };
}
