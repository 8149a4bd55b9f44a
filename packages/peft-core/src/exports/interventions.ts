/**
 * The kinds of interventions and the rules for each: what methods emit and hosts apply.
 * @module
 */
export type * from '../intervention.js';
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
} from '../intervention-rules.js';
export { dropoutFactors } from '../dropout.js';
export { type DynamicFactors, dynamicLowRankProduct, tokenMatrices } from '../dynamic-low-rank.js';
