/**
 * Formats: JSON, safetensors, names and checks of adapter files, and what a method's own file format is made of.
 * @module
 */
export { digestBytes } from '../digest-bytes.js';
export type { Json, JsonObject } from '../json/json.js';
export { briefJson } from '../json/brief-json.js';
export { canonicalJson, readableJson } from '../json/canonical-json.js';
export { jsonChecksum } from '../json/json-checksum.js';
export { isJsonObject, type JsonLimits, parseJsonObject, parseJsonStrict } from '../json/parse-json-strict.js';
export type { EncodedAdapter, FileCodec } from '../file-codec.js';
export type { AdapterHubFormat, AdapterHubPart } from '../registry.js';
export { type Dtype, dtypes } from '../safetensors/dtypes.js';
export { openShardedSafetensors, shardIndexName } from '../safetensors/open-sharded-safetensors.js';
export { narrowF16, widenF16 } from '../safetensors/half-floats.js';
export { narrowChecked } from '../safetensors/narrow-checked.js';
export type { TensorEntry } from '../safetensors/read-header.js';
export { type WritableTensor, type WriteOptions, writeSafetensors } from '../safetensors/write-safetensors.js';
export { checkFileNames, hfConfigName, recordName, tensorsName, verticesName } from '../files/adapter-files.js';
export { isBareEncoder } from '../files/base-class.js';
export { checkTensors, type ExpectedTensor } from '../files/check-tensors.js';
export { checkForeignKeys } from '../files/hf-config.js';
export { sha256Hex } from '../sha256-hex.js';
export {
  hfSelector,
  type HfTargets,
  isInLayers,
  layerFinder,
  layerList,
  spellHfTargets,
  valuesByPattern,
} from '../files/hf-targets.js';
export { headModules, hfPath } from '../files/module-names.js';
export { hostHeadNames, readHostHead, type StoredHead } from '../files/host-head.js';
export { hfTypes, unreadHfTypes, wayOutOf } from '../files/hf-types.js';
export { rowsParameter, trainsRows, requireIndices, rowsOfTable } from '../files/token-rows.js';
export { savedCandidates, type SavedCandidates } from '../files/take-saved.js';
export { rememberWholeValues, type WholeValues } from '../files/whole-values.js';
export {
  layersOfHost,
  meansPooler,
  namesWithHits,
  patternsWithHits,
  readHfPatterns,
  withoutHeadNames,
} from '../files/hf-patterns.js';
