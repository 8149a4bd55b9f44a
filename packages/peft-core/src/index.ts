export { isPeftError, nearMisses, PeftError, type PeftErrorText } from './errors.js';
export {
  createStream,
  normals,
  randomPermutation,
  randomWords,
  type Stream,
  substream,
  uniforms,
} from './random-stream.js';
export type { Json, JsonObject } from './json.js';
export {
  disposeParameters,
  getParameter,
  type NamedArray,
  type NamedArrays,
  namespaceOf,
  type Parameters,
  readParameters,
  selectNamespaces,
  toParameters,
} from './parameters.js';
export {
  type ClassifierLayout,
  type Host,
  type HostInputs,
  type HostOutputs,
  type HostSpec,
  type HostTensors,
  type LinearRole,
  type Readout,
  readouts,
  type Site,
  type SiteKind,
  sitesOfKind,
} from './host.js';
export { type Context, evaluationContext, type Mode } from './context.js';
export { type EncodedText, type PaddedBatch, padBatch } from './encoded-text.js';
export type * from './intervention.js';
export {
  countParameters,
  type CoverageRow,
  type EffectiveSpec,
  findUnevenCoverage,
  type InitialLaw,
  type ParameterCount,
  type ParameterPlan,
  type ParameterSpec,
  reportCoverage,
  sizeOf,
} from './plan.js';
export { dropout, dropoutFactors } from './dropout.js';
export { initialValues } from './initial-values.js';
export {
  type CombinedMethod,
  type CombineMember,
  type CombineOptions,
  effectiveParameters,
  type FoldedMethod,
  foldMethod,
  type Objective,
  type PeftMethod,
  type Preparation,
} from './method.js';
export type { EncodedAdapter, FileCodec } from './file-codec.js';
export {
  type AdapterHubFormat,
  type AdapterHubPart,
  createRegistry,
  describeMethod,
  type MethodDefinition,
  type MethodDescription,
  type MethodRegistry,
  parseConfig,
} from './registry.js';
export { compose, composeDefinition } from './compose.js';
export { head, type HeadConfig, headDefinition, headNames, isHead, resolveReadout } from './head.js';
export { bounds } from './bounds.js';
export { compilePattern } from './compile-pattern.js';
export { createPatternWork, type PatternWork } from './pattern-work.js';
export { compileSearch, type PatternMatch } from './search-pattern.js';
export { endsOf, findUnmatched, matchNames, matchTargets } from './match-targets.js';
export { type Adapter, runAdapter } from './adapter.js';
export { rememberPerHost } from './remember-per-host.js';
export { runRows } from './run-rows.js';
export { disableParts, leavesOf, selectParts } from './select-parts.js';
export { type MergedAdapter, mergeAdapter, type MergeOptions } from './merge-adapter.js';
export { chooseStrategy, sumDifferences, weightedMean, weightedSum } from './combine-parameters.js';
export { combineAdapters, type CombineAdaptersOptions, type WeightedAdapter } from './combine-adapters.js';
export * from './safetensors/index.js';
export * from './files/index.js';
