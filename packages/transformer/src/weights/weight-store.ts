import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { type AffineWeights, affineWeights, type KernelOwner } from '../kernels/frozen-affine.js';
import type { Encoder } from '../architecture/encoder.js';
import type { LoadedTensor, TakeTensor } from './read-weights.js';

/** The frozen tensors of a host, by canonical path; weights of affine maps are `[input, output]`. */
export interface WeightStore {
  /** Errors: `TENSOR_MISSING`, with near misses; `HOST_DISPOSED`. */
  tensor(path: string): tf.Tensor;
  /** Weights of the affine map at a module's path. */
  affine(path: string): AffineWeights;
  /** Query, key and value maps of a layer side by side, or the one that is all three: kernel `[hidden, 3 · hidden]`. */
  queryKeyValue(layer: number): AffineWeights;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  dispose(): void;
}

/** What a store needs to know of a layer: maps of one input, to be kept side by side. */
export type JoinedLayer = Pick<Encoder['layers'][number], 'attention' | 'projections'>;

/** Where a single projection lies in the joined tensors of its layer. */
interface Cut {
  readonly joined: string;
  readonly index: number;
}

/** A store that is being filled. */
export interface WeightUpload {
  readonly take: TakeTensor;
  /** The store, once all tensors were taken. */
  done(): WeightStore;
  /** Frees what was taken so far, when no store will come of it. */
  dispose(): void;
}

/**
 * Uploads tensors one by one. Query, key and value are stored joined, since a plain pass uses them so; single ones are cut out of the joined
 * one when somebody asks, and then kept.
 */
export function uploadWeights(layers: readonly JoinedLayer[], name: string): WeightUpload {
  const shapes = new Map<string, readonly number[]>();
  const tensors = new Map<string, tf.Tensor>();
  const homes = new Map(joinsOf(layers).flatMap((join) => join.parts.map((path) => [path, join] as const)));
  const waiting = new Map<string, LoadedTensor>();
  return {
    take(path, tensor) {
      shapes.set(path, tensor.shape);
      const join = homes.get(path);
      if (!join) return void tensors.set(path, tf.keep(upload(tensor)));
      waiting.set(path, tensor);
      if (!join.parts.every((part) => waiting.has(part))) return;
      tensors.set(join.joined, tf.keep(upload(joinColumns(join.parts.map((part) => waiting.get(part)!)))));
      for (const part of join.parts) waiting.delete(part);
    },
    done: () => storeOf({ layers, shapes, tensors }, name),
    dispose: () => tf.dispose([...tensors.values()]),
  };
}

interface Uploaded {
  readonly layers: readonly JoinedLayer[];
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly tensors: Map<string, tf.Tensor>;
}

function storeOf({ layers, shapes, tensors }: Uploaded, name: string): WeightStore {
  const affines = new Map<string, AffineWeights>();
  /** Tensors that somebody outside has seen: they stay. */
  const seen = new Set<string>();
  let disposed = false;

  const cuts = new Map<string, Cut>();
  for (const { joined, parts } of joinsOf(layers)) parts.forEach((path, index) => cuts.set(path, { joined, index }));

  /** A tensor that is there, or a kernel that was let go. */
  const held = (path: string): tf.Tensor | undefined =>
    tensors.get(path) ?? affines.get(path.replace(/\.weight$/, ''))?.kernel;
  const tensor = (path: string): tf.Tensor => {
    seen.add(path);
    return find(path);
  };
  const find = (path: string): tf.Tensor => {
    if (disposed) throw disposedError(name);
    const found = shapes.has(path) ? (held(path) ?? cutOut(path)) : undefined;
    if (found) return found;
    throw new PeftError('TENSOR_MISSING', {
      found: `host "${name}" has no tensor "${path}"`,
      expected: `perhaps ${nearMisses(path, shapes.keys()).join(', ') || [...shapes.keys()][0]}`,
      fix: 'take a path from the host\'s sites of kind "tensor"',
    });
  };
  const cutOut = (path: string): tf.Tensor => {
    const { joined: home, index } = cuts.get(path)!;
    const joined = held(home)!;
    const size = shapes.get(path)!.at(-1)!;
    const start = index * size;
    const part = tf.tidy(() =>
      joined.rank === 2
        ? (joined as tf.Tensor2D).slice([0, start], [-1, size])
        : (joined as tf.Tensor1D).slice(start, size),
    );
    tensors.set(path, tf.keep(part));
    return part;
  };
  const affineAt = (path: string, tensorAt: (path: string) => tf.Tensor): AffineWeights => {
    if (disposed) throw disposedError(name);
    let found = affines.get(path);
    if (!found) {
      const [kernel, bias] = [`${path}.weight`, `${path}.bias`];
      const hasBias = !shapes.has(kernel) || shapes.has(bias);
      found = affineWeights(
        tensorAt(kernel) as tf.Tensor2D,
        (hasBias ? tensorAt(bias) : undefined) as tf.Tensor1D | undefined,
        ownerOf(kernel),
      );
      affines.set(path, found);
    }
    return found;
  };
  const ownerOf = (path: string): KernelOwner => ({
    letGo() {
      if (seen.has(path)) return false;
      tensors.get(path)!.dispose();
      return tensors.delete(path);
    },
    takeBack: (kernel) => void tensors.set(path, kernel),
  });
  return {
    shapes,
    tensor,
    affine: (path) => affineAt(path, find),
    queryKeyValue(layer) {
      const { attention, projections } = layers[layer]!;
      const [only, ...others] = projections;
      return others.length === 0 ? affineAt(only!.path, find) : affineAt(attention, (path) => tensors.get(path)!);
    },
    dispose() {
      disposed = true;
      for (const affine of affines.values()) affine.disposeCopies();
      tf.dispose([...tensors.values()]);
      affines.clear();
      tensors.clear();
    },
  };
}

/** Weights and biases that are kept side by side, by the path of the joined one. */
const joinsOf = (layers: readonly JoinedLayer[]): { readonly joined: string; readonly parts: readonly string[] }[] =>
  layers
    .filter(({ projections }) => projections.length > 1)
    .flatMap(({ attention, projections }) =>
      ['weight', 'bias'].map((kind) => ({
        joined: `${attention}.${kind}`,
        parts: projections.map(({ path }) => `${path}.${kind}`),
      })),
    );

/**
 * tfjs-node holds the array until a tensor is first computed with, long after the next ones are read: a product by one makes it let go, while the model loads.
 */
const upload = ({ data, shape }: LoadedTensor): tf.Tensor =>
  tf.tidy(() => {
    const tensor = tf.tensor(data, [...shape], 'float32');
    return tf.getBackend().startsWith('tensorflow') ? tensor.mul(1) : tensor;
  });

/** Matrices `[rows, columns]` side by side; vectors count as one row. */
function joinColumns(parts: readonly LoadedTensor[]): LoadedTensor {
  const { shape, data: first } = parts[0]!;
  const columns = shape.at(-1)!;
  const rows = first.length / columns;
  const width = columns * parts.length;
  const data = new Float32Array(rows * width);
  parts.forEach((part, index) => {
    for (let row = 0; row < rows; row++)
      data.set(part.data.subarray(row * columns, (row + 1) * columns), row * width + index * columns);
  });
  return { shape: [...shape.slice(0, -1), width], data };
}

const disposedError = (name: string) =>
  new PeftError('HOST_DISPOSED', { found: `host "${name}" was disposed`, fix: 'create or load it again' });
