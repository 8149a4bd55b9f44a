export type { UnipeltConfig } from './config.js';
export { exampleGate } from './example-gate.js';
export { isUnipelt, unipelt, unipeltDefinition } from './unipelt.js';
