import type * as tf from '@tensorflow/tfjs';
import { packedLimit } from './kernel-settings.js';
import type { WasmBackend } from './wasm-backend.js';

/** Frozen weights that are kept packed: their tensors, for as long as the backend has them. */
export interface PackedWeights {
  hasRoom(bytes: number): boolean;
  add(tensor: tf.TensorInfo, bytes: number): void;
  megabytes(): number;
}

export function packedWeights(backend: WasmBackend): PackedWeights {
  let kept: { readonly dataId: object; readonly bytes: number }[] = [];
  const held = () => {
    kept = kept.filter(({ dataId }) => backend.dataIdMap.has(dataId));
    return kept.reduce((sum, { bytes }) => sum + bytes, 0);
  };
  return {
    hasRoom: (bytes) => held() + bytes <= packedLimit() * 2 ** 20,
    add: ({ dataId }, bytes) => void kept.push({ dataId, bytes }),
    megabytes: () => held() / 2 ** 20,
  };
}
