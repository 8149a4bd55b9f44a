import { type Host } from '@tfjs-peft/peft-core';
import { narrowChecked, narrowF16, widenF16 } from '@tfjs-peft/peft-core/files';
import type * as tf from '@tensorflow/tfjs';
import type { StoreFloats } from './graph/graph-builder.js';

/** Numbers of tensors that were read before the graph is written, which is synchronous. */
export interface Numbers {
  /** Of a weight of the host, as it is after merging. */
  weight(path: string): { readonly data: Float32Array; readonly shape: readonly number[]; readonly store: StoreFloats };
  /** Of a tensor of an intervention. */
  of(tensor: tf.Tensor): Float32Array;
}

interface NumbersOptions {
  /** Of the weights. */
  readonly paths: readonly string[];
  /** Copies that outlive the tensors of the interventions, by these. */
  readonly copies: ReadonlyMap<tf.Tensor, tf.Tensor>;
  readonly dtype: 'f32' | 'f16';
}

const asFloat: StoreFloats = (data) => ({ type: 'float', data });
const asHalf: StoreFloats = (data, name) => ({ type: 'float16', data: narrowChecked('F16', data, name) });

/**
 * Reads all weights and the tensors of interventions. With `f16` tables and matrices are kept as halves: those of a host that was F16
 * itself lose nothing, and what an adapter changed in such a host stays F32, so that nothing else is rounded.
 */
export async function readNumbers(
  host: Host,
  changes: ReadonlyMap<string, tf.Tensor>,
  { paths, copies, dtype }: NumbersOptions,
): Promise<Numbers> {
  const weights = new Map<string, ReturnType<Numbers['weight']>>();
  for (const path of paths) {
    const changed = changes.get(path);
    const own = host.weight(path);
    const { shape } = own;
    const data = await read(changed ?? own);
    const rounds = dtype === 'f16' && shape.length === 2;
    const keepsAll = rounds && changed !== undefined && isHalf(await read(own)) && !isHalf(data);
    weights.set(path, { data, shape, store: rounds && !keepsAll ? asHalf : asFloat });
  }
  const others = new Map<tf.Tensor, Float32Array>();
  for (const [tensor, copy] of copies) others.set(tensor, await read(copy));
  return { weight: (path) => weights.get(path)!, of: (tensor) => others.get(tensor)! };
}

const read = async (tensor: tf.Tensor): Promise<Float32Array> => Float32Array.from(await tensor.data());

/** Whether F16 holds every number exactly. */
const isHalf = (data: Float32Array): boolean => {
  const again = widenF16(narrowF16(data));
  return data.every((value, index) => value === again[index]);
};
