export {
  type AdapterFiles,
  checkFileNames,
  hfConfigName,
  recordName,
  tensorsName,
  verticesName,
} from './adapter-files.js';
export type { AdapterRecord } from './adapter-record.js';
export { checkTensors, type ExpectedTensor } from './check-tensors.js';
export { type AdapterSummary, inspectAdapter, type InspectAdapterOptions } from './inspect-adapter.js';
export type { WriterVersion } from './known-defects.js';
export type { NameReport } from './normalise-names.js';
export type { TargetCoverage, TensorSummary } from './summarise-tensors.js';
export { loadAdapter } from './load-adapter.js';
export type { LoadedAdapter, LoadOptions, LoadReport, Writer } from './load-options.js';
export { saveAdapter, type SaveOptions } from './save-adapter.js';
export { sha256Hex } from '../sha256-hex.js';
export {
  hfPath,
  hfSelector,
  type HfTargets,
  isInLayers,
  layerFinder,
  layerList,
  spellHfTargets,
  valuesByPattern,
} from './hf-targets.js';
export { hostHeadNames, readHostHead, type StoredHead } from './host-head.js';
export { hfTypes, unreadHfTypes, wayOutOf } from './hf-types.js';
export { savedModules, type SavedModulesConfig, savedModulesDefinition } from './saved-modules.js';
export { tokenHead, type TokenHeadConfig, tokenHeadDefinition, tokenHeadOf, tokenLogits } from './token-head.js';
export { rememberWholeValues, type WholeValues } from './whole-values.js';
export {
  headModules,
  layersOfHost,
  meansPooler,
  namesWithHits,
  patternsWithHits,
  readHfPatterns,
  withoutHeadNames,
} from './hf-patterns.js';
