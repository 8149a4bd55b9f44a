export { isPeftError, nearMisses, PeftError, type PeftErrorText } from './errors.js';
export { limitWarnings, messageLimit, printable, shorten, warningLimit } from './safe-text.js';
export {
  createStream,
  normals,
  randomPermutation,
  randomWords,
  type Stream,
  substream,
  uniforms,
} from './random-stream.js';
export { digestBytes } from './digest-bytes.js';
export type { Json, JsonObject } from './json/json.js';
export { briefJson } from './json/brief-json.js';
export { canonicalJson, readableJson } from './json/canonical-json.js';
export { jsonChecksum } from './json/json-checksum.js';
export { isJsonObject, type JsonLimits, parseJsonObject, parseJsonStrict } from './json/parse-json-strict.js';
export {
  disposeParameters,
  dtypeOf,
  floatsOf,
  getParameter,
  type NamedArray,
  type NamedArrays,
  namespaceOf,
  type Parameters,
  readParameters,
  selectNamespaces,
  toParameters,
  transposed,
} from './parameters.js';
export { type Host, type HostInputs, type HostOutputs, type HostTensors } from './host.js';
export {
  type ClassifierLayout,
  type HostSpec,
  type LinearRole,
  type Readout,
  readouts,
  type Site,
  type SiteKind,
  sitesOfKind,
} from './host-spec.js';
export { type Context, evaluationContext, type Mode } from './context.js';
export { type EncodedText, type PaddedBatch, padBatch } from './encoded-text.js';
export type * from './intervention.js';
export {
  anyLength,
  interventionKinds,
  interventionRules,
  isGateable,
  isMergeable,
  kindsAt,
  modulePathOf,
  rulesOf,
  scatterFlat,
  type TensorRule,
} from './intervention-rules.js';
export { type Batch, type Loss, type Objective, objectiveOfOutputs, type Pass, type PassOptions } from './objective.js';
export type { Optimiser, OptimiserState, Update, UpdateSettings } from './optimiser.js';
export { type GradientRequest, type LossAndGradients, lossAndGradients, lossOfBatch } from './loss-and-gradients.js';
export {
  type BufferSpec,
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
  type StoredTensor,
  storedTensors,
  trainableNames,
} from './plan.js';
export { dropout, dropoutFactors } from './dropout.js';
export { type ExplainedPart, type ExplainedRow, explain, type Explanation, formatExplanation } from './explain.js';
export { initialValues, seededBuffers } from './initial-values.js';
export {
  type CombinedMethod,
  type CombineMember,
  type CombineOptions,
  effectiveParameters,
  type FoldedMethod,
  foldMethod,
  type HeadLayout,
  type PeftMethod,
  type Preparation,
} from './method.js';
export type { EncodedAdapter, FileCodec } from './file-codec.js';
export {
  type AdapterHubFormat,
  type AdapterHubPart,
  contractVersion,
  createRegistry,
  describeMethod,
  type MethodDefinition,
  type MethodDescription,
  type MethodRegistry,
  parseConfig,
} from './registry.js';
export { compose, composeDefinition } from './compose.js';
export { head, type HeadConfig, headDefinition, type HeadMethod, headsOf, isHead, resolveReadout } from './head.js';
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
