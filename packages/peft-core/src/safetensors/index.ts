export { type ByteSource, bytesSource } from './byte-source.js';
export { type Dtype, dtypes } from './dtypes.js';
export { openSafetensors, type SafetensorsFile } from './open-safetensors.js';
export { openShardedSafetensors, shardIndexName } from './open-sharded-safetensors.js';
export { narrowF16, widenF16 } from './half-floats.js';
export type { TensorEntry } from './read-header.js';
export { type WritableTensor, type WriteOptions, writeSafetensors } from './write-safetensors.js';
