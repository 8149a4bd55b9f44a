export type { PrefixConfig } from './config.js';
export { prefix, prefixDefinition } from './prefix.js';
