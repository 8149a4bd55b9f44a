/**
 * What a program needs that uses adapters: hosts and methods as they are held, planned, drawn, run, explained, merged, combined, saved and loaded.
 * @module
 */
export { isPeftError, PeftError, type PeftErrorText } from './errors.js';
export { createStream, type Stream, substream } from './random-stream.js';
export {
  disposeParameters,
  type NamedArray,
  type NamedArrays,
  type Parameters,
  readParameters,
  toParameters,
} from './parameters.js';
export type { Host, HostInputs, HostOutputs, HostTensors, OutputEmbeddings } from './host.js';
export {
  type ClassifierLayout,
  type HeadActivation,
  headActivations,
  type HostSpec,
  type LinearRole,
  type PythonTraits,
  type Readout,
  readouts,
  type Site,
  type SiteKind,
  sitesOfKind,
} from './host-spec.js';
export { type ActivationMemory, type Context, evaluationContext, type Mode } from './context.js';
export { type EncodedText, type PaddedBatch, padBatch } from './encoded-text.js';
export { countParameters, type CoverageRow, findUnevenCoverage, type ParameterCount, reportCoverage } from './plan.js';
export { type ExplainedPart, type ExplainedRow, explain, type Explanation, formatExplanation } from './explain.js';
export { initialValues } from './initial-values.js';
export { type FoldedMethod, foldMethod, type PeftMethod } from './method.js';
export { createRegistry, describeMethod, type MethodDescription, type MethodRegistry } from './registry.js';
export { compose, composeDefinition } from './compose.js';
export { head, type HeadConfig, headDefinition, type HeadMethod } from './head.js';
export { type Adapter, runAdapter } from './adapter.js';
export { runRows } from './run-rows.js';
export { disableParts, leavesOf, selectParts } from './select-parts.js';
export { type MergedInterventions, mergeInterventions } from './merge-interventions.js';
export { disposeMerged, type MergedAdapter, mergeAdapter, type MergeOptions } from './merge-adapter.js';
export { combineAdapters, type CombineAdaptersOptions, type WeightedAdapter } from './combine-adapters.js';
export type { AdapterFiles } from './files/adapter-files.js';
export type { AdapterRecord } from './files/adapter-record.js';
export { type AdapterSummary, inspectAdapter, type InspectAdapterOptions } from './files/inspect-adapter.js';
export type { WriterVersion } from './files/known-defects.js';
export type { NameReport } from './files/normalise-names.js';
export type { TargetCoverage, TensorSummary } from './files/summarise-tensors.js';
export { loadAdapter } from './files/load-adapter.js';
export type { LoadedAdapter, LoadOptions, LoadReport, Writer } from './files/load-options.js';
export { saveAdapter, type SaveOptions } from './files/save-adapter.js';
export { type ByteSource, bytesSource } from './safetensors/byte-source.js';
export { openSafetensors, type SafetensorsFile } from './safetensors/open-safetensors.js';
export { savedModules, type SavedModulesConfig, savedModulesDefinition } from './files/saved-modules.js';
export { savedTokens, type SavedTokensConfig, savedTokensDefinition } from './files/saved-tokens.js';
export { choiceLogits } from './files/choice-head.js';
export { tokenHead, type TokenHeadConfig, tokenHeadDefinition, tokenHeadOf, tokenLogits } from './files/token-head.js';
