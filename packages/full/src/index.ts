export type { FullConfig } from './config.js';
export { fullDefinition, fullFineTuning } from './full.js';
