import type { PrefixConfig } from './config.js';

/** Names of a layer's effective parameters, by the path of its attention. */
export const keysName = (config: PrefixConfig, path: string) => `${config.name}.${path}.keys`;
export const valuesName = (config: PrefixConfig, path: string) => `${config.name}.${path}.values`;
