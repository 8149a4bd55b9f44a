import { type NamedArrays, PeftError } from '@tfjs-peft/peft-core';
import { floatsOf } from '@tfjs-peft/peft-core/authoring';

/** Named tensors to read one by one. A `SafetensorsFile` of peft-core is one. */
export interface TensorSource {
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  /** All numbers of a tensor in row-major order, widened to float32. */
  readFloat32(name: string): Promise<Float32Array>;
}

/** Tensors in memory as a source. */
export const memoryTensorSource = (arrays: NamedArrays): TensorSource => ({
  tensors: arrays,
  async readFloat32(name) {
    const found = arrays.get(name);
    if (!found) throw new PeftError('TENSOR_MISSING', { found: `no tensor "${name}" in memory` });
    return floatsOf(found);
  },
});
