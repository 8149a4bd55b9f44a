import * as tf from '@tensorflow/tfjs';
import { PeftError } from './errors.js';

/** A flat, ordered map from name to tensor. Names are dotted; the first segment is the namespace of the method that owns them. */
export type Parameters = ReadonlyMap<string, tf.Tensor>;

/** The same map in host memory, as files and checkpoints hold it. */
export type NamedArrays = ReadonlyMap<string, NamedArray>;

/** The numbers of one parameter in host memory, row-major. */
export interface NamedArray {
  readonly shape: readonly number[];
  /** Int32 for buffers of indices, float32 for everything else. */
  readonly data: Float32Array | Int32Array;
}

/** The tensor called `name`. Errors: `PARAMETER_MISSING`. */
export function getParameter(parameters: Parameters, name: string): tf.Tensor {
  const tensor = parameters.get(name);
  if (tensor) return tensor;
  throw new PeftError('PARAMETER_MISSING', {
    found: `no parameter "${name}" among ${[...parameters.keys()].join(', ') || 'none at all'}`,
    fix: 'pass the parameters that the plan of this very method names',
  });
}

/** The first dotted segment of a parameter's name: the namespace of the method that owns it. */
export const namespaceOf = (name: string): string => name.split('.', 1)[0]!;

/** The parameters whose namespace is among `namespaces`, in order. */
export const selectNamespaces = (parameters: Parameters, namespaces: readonly string[]): Parameters =>
  new Map([...parameters].filter(([name]) => namespaces.includes(namespaceOf(name))));

/** Reads all tensors into host memory, without blocking. */
export async function readParameters(parameters: Parameters): Promise<Map<string, NamedArray>> {
  const entries = [...parameters].map(async ([name, tensor]) => {
    const data =
      tensor.dtype === 'int32' ? Int32Array.from(await tensor.data()) : Float32Array.from(await tensor.data());
    return [name, { shape: [...tensor.shape], data }] as const;
  });
  return new Map(await Promise.all(entries));
}

/** Makes tensors from host memory. The caller disposes them ({@link disposeParameters}). */
export const toParameters = (arrays: NamedArrays): Map<string, tf.Tensor> =>
  new Map([...arrays].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape], dtypeOf(data))]));

/** The numbers of a parameter. Errors: `TENSOR_TYPE_WRONG` for a buffer of integers. */
export function floatsOf({ data, shape }: NamedArray): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new PeftError('TENSOR_TYPE_WRONG', {
    found: `int32 numbers of shape [${shape.join(', ')}]`,
    expected: 'float32 numbers',
    fix: 'keep indices in a buffer and numbers to compute with in a parameter',
  });
}

/** A matrix with rows and columns exchanged. */
export function transposed({ shape, data }: NamedArray): NamedArray {
  const [rows = 0, columns = 0] = shape;
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]!;
  return { shape: [columns, rows], data: out };
}

/** The type of a tensor that holds these numbers. */
export const dtypeOf = (data: Float32Array | Int32Array): 'float32' | 'int32' =>
  data instanceof Int32Array ? 'int32' : 'float32';

/** Frees all tensors of a set of parameters. */
export const disposeParameters = (parameters: Parameters): void => tf.dispose([...parameters.values()]);
