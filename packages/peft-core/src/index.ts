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
  type Host,
  type HostInputs,
  type HostOutputs,
  type HostSpec,
  type Readout,
  readouts,
  type Site,
  type SiteKind,
  sitesOfKind,
} from './host.js';
export { type Context, evaluationContext, type Mode } from './context.js';
export { type EncodedText, padBatch } from './encoded-text.js';
export type * from './intervention.js';
export {
  countParameters,
  type CoverageRow,
  type EffectiveSpec,
  type InitialLaw,
  type ParameterCount,
  type ParameterPlan,
  type ParameterSpec,
  reportCoverage,
  sizeOf,
} from './plan.js';
export { dropout } from './dropout.js';
export { initialValues } from './initial-values.js';
export { effectiveParameters, type FoldedMethod, foldMethod, type Objective, type PeftMethod } from './method.js';
export type { EncodedAdapter, FileCodec } from './file-codec.js';
export {
  createRegistry,
  describeMethod,
  type MethodDefinition,
  type MethodDescription,
  type MethodRegistry,
  parseConfig,
} from './registry.js';
export { compose, composeDefinition } from './compose.js';
export { head, type HeadConfig, headDefinition, isHead, resolveReadout } from './head.js';
export { matchTargets } from './match-targets.js';
export { type Adapter, runAdapter } from './adapter.js';
export * from './safetensors/index.js';
export * from './files/index.js';
