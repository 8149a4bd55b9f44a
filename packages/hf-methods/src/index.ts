import type { MethodDefinition } from '@tfjs-peft/peft-core/authoring';
import { trainableTokensDefinition } from './methods/trainable-tokens.js';
import * as weightMethods from './methods/weight-methods.js';

export * from './methods/weight-methods.js';
export { trainableTokens, trainableTokensDefinition, type TrainableTokensConfig } from './methods/trainable-tokens.js';
export type { MadeMethod } from './weight-method.js';

/** The definitions of all methods of this package. */
export const hfMethodDefinitions: readonly MethodDefinition[] = [
  ...Object.values(weightMethods).map(({ definition }) => definition),
  trainableTokensDefinition as unknown as MethodDefinition,
];
