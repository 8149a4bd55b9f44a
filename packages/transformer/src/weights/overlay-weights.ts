import { PeftError } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { type AffineWeights, affineWeights } from '../kernels/frozen-affine.js';
import type { ExpectedTensor } from './expected-tensors.js';
import { digestTensor, type TensorDigest } from './fingerprint.js';
import { transpose } from './read-weights.js';
import type { JoinedLayer, WeightStore } from './weight-store.js';

/** A store in which some tensors are replaced; all others are those of `base`, which must outlive it. It owns the tensors of `changes`. */
export function overlayWeights(
  base: WeightStore,
  changes: ReadonlyMap<string, tf.Tensor>,
  { layers }: { readonly layers: readonly JoinedLayer[] },
): WeightStore {
  for (const tensor of changes.values()) tf.keep(tensor);
  const affines = new Map<string, AffineWeights>();
  const joined: tf.Tensor[] = [];
  const tensor = (path: string): tf.Tensor => changes.get(path) ?? base.tensor(path);
  const isChanged = (path: string) => changes.has(`${path}.weight`) || changes.has(`${path}.bias`);
  const remember = (path: string, make: () => AffineWeights): AffineWeights => {
    const found = affines.get(path) ?? make();
    affines.set(path, found);
    return found;
  };
  const affine = (path: string): AffineWeights =>
    isChanged(path)
      ? remember(path, () =>
          affineWeights(
            tensor(`${path}.weight`) as tf.Tensor2D,
            base.shapes.has(`${path}.bias`) ? (tensor(`${path}.bias`) as tf.Tensor1D) : undefined,
          ),
        )
      : base.affine(path);
  return {
    shapes: base.shapes,
    tensor,
    affine,
    queryKeyValue(layer) {
      const { attention, projections } = layers[layer]!;
      const paths = projections.map(({ path }) => path);
      if (!paths.some(isChanged)) return base.queryKeyValue(layer);
      if (paths.length === 1) return affine(paths[0]!);
      return remember(attention, () => {
        const side = (kind: 'weight' | 'bias') =>
          tf.keep(
            tf.concat(
              paths.map((path) => tensor(`${path}.${kind}`)),
              -1,
            ),
          );
        const [kernel, bias] = [side('weight'), side('bias')];
        joined.push(kernel, bias);
        return affineWeights(kernel as tf.Tensor2D, bias as tf.Tensor1D);
      });
    },
    dispose() {
      for (const weights of affines.values()) weights.disposeCopies();
      tf.dispose([...changes.values(), ...joined]);
      affines.clear();
    },
  };
}

/** Errors: `TENSOR_MISSHAPEN`; those of the store for an unknown path. */
export function checkChanges(weights: WeightStore, changes: ReadonlyMap<string, tf.Tensor>, name: string): void {
  for (const [path, { shape }] of changes) {
    // The shape alone, where there is one: a kernel that was let go need not come back for it.
    const expected = weights.shapes.get(path) ?? weights.tensor(path).shape;
    if (shape.length === expected.length && shape.every((length, axis) => length === expected[axis])) continue;
    throw new PeftError('TENSOR_MISSHAPEN', {
      found: `a new value of shape [${shape.join(', ')}] for "${path}" of host "${name}"`,
      expected: `[${expected.join(', ')}]`,
      fix: 'weights of affine maps are [input, output] here',
    });
  }
}

/** Digests of all tensors after some were replaced. */
export async function changeDigests(
  digests: ReadonlyMap<string, TensorDigest>,
  changes: ReadonlyMap<string, tf.Tensor>,
  expected: readonly ExpectedTensor[],
): Promise<Map<string, TensorDigest>> {
  const affine = new Set(expected.flatMap(({ path, role }) => (role === 'affineWeight' ? [path] : [])));
  const changed = new Map(digests);
  for (const [path, tensor] of changes) {
    const { shape } = digests.get(path)!;
    const data = Float32Array.from(await tensor.data());
    const [rows, columns] = tensor.shape as [number, number];
    // Digests are of the checkpoint's layout, where weights of affine maps are [output, input].
    const stored = affine.has(path) ? transpose(data, rows, columns).data : data;
    changed.set(path, { shape, digest: await digestTensor(stored) });
  }
  return changed;
}
