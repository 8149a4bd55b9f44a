/**
 * What code needs that defines a method, a wrapper, an objective or an optimiser: the rest of the contract and helpers for it.
 * @module
 */
export { nearMisses } from '../errors.js';
export { limitWarnings, messageLimit, printable, shorten, warningLimit } from '../safe-text.js';
export { normals, randomPermutation, randomWords, uniforms } from '../random-stream.js';
export {
  hasBias,
  isWeightSite,
  type NormGroup,
  normGroup,
  type SiteTensor,
  tensorsOfSite,
  type WeightSite,
} from '../site-tensors.js';
export { mersenneTwister } from '../mersenne-twister.js';
export { distinctBelow, maskedShuffle, pcg64 } from '../pcg64.js';
export { checkSeed } from '../seed-sequence.js';
export { dtypeOf, floatsOf, getParameter, namespaceOf, selectNamespaces, transposed } from '../parameters.js';
export {
  type Batch,
  type Loss,
  lossWithFirstPass,
  type Objective,
  objectiveOfOutputs,
  type Pass,
  type PassOptions,
} from '../objective.js';
export { textsOf } from '../encoded-text.js';
export {
  type ActivationReport,
  type ActivationStore,
  createActivationStore,
  remembering,
} from '../activation-store.js';
export type { Optimiser, OptimiserState, Update, UpdateSettings } from '../optimiser.js';
export { type GradientRequest, type LossAndGradients, lossAndGradients, lossOfBatch } from '../loss-and-gradients.js';
export {
  type BufferSpec,
  type EffectiveSpec,
  type InitialLaw,
  notesOn,
  type ParameterPlan,
  type ParameterSpec,
  type Places,
  sizeOf,
  type StoredTensor,
  storedTensors,
  trainableNames,
} from '../plan.js';
export { checkPlaces, findMisplaced, findSharedPlaces } from '../places.js';
export { checkedPlan } from '../checked-plan.js';
export { dropout } from '../dropout.js';
export { seededBuffers } from '../initial-values.js';
export {
  type CombinedMethod,
  type CombineMember,
  type CombineOptions,
  effectiveParameters,
  type HeadLayout,
  type Preparation,
} from '../method.js';
export {
  type ConfigIssue,
  type ConfigSchema,
  contractVersion,
  type MethodDefinition,
  parseConfig,
} from '../registry.js';
export { inLayers } from '../in-layers.js';
export { headsOf, isHead, resolveReadout } from '../head.js';
export { bounds } from '../bounds.js';
export { compilePattern } from '../compile-pattern.js';
export { createPatternWork, type PatternWork } from '../pattern-work.js';
export { compileSearch, type PatternMatch } from '../search-pattern.js';
export { endsOf, findUnmatched, matchNames, matchTargets, servesRole, sitesWithRole } from '../match-targets.js';
export { logitsAlone } from '../host.js';
export { wordTable } from '../word-table.js';
export { rememberPerHost } from '../remember-per-host.js';
export { chooseStrategy, sumDifferences, weightedMean, weightedSum } from '../combine-parameters.js';
export { timesMatrix } from '../times-matrix.js';
export { timesTransposed } from '../times-transposed.js';
