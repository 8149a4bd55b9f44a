import { createStream, type Host, sitesOfKind, substream } from '@tfjs-peft/peft-core';
import { normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';

/**
 * A host of the same shape whose weights are those of a model before any training: matrices N(0, 0.02²) as BERT starts, biases 0, gains of LayerNorms 1.
 * Dispose it before the host it was made from.
 */
export function randomiseHost(host: Host, seed: number): Promise<Host> {
  const norms = new Set(sitesOfKind(host.spec, 'norm').map(({ path }) => `${path}.weight`));
  const changes = sitesOfKind(host.spec, 'tensor').map(({ path, shape }): [string, tf.Tensor] => {
    const size = sizeOf(shape);
    if (shape.length === 1) return [path, tf.fill([size], norms.has(path) ? 1 : 0)];
    const own = [...host.weight(path).shape];
    const values = normals(substream(createStream(seed), path), size).map((value) => 0.02 * value);
    return [path, tf.tensor(values, own)];
  });
  return host.withWeights(new Map(changes));
}
