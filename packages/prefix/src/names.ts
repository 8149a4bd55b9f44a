import type { PrefixConfig } from './config.js';

/** Names of a layer's effective parameters, by the path of its attention. */
export const keysName = ({ name }: Pick<PrefixConfig, 'name'>, path: string) => `${name}.${path}.keys`;
export const valuesName = ({ name }: Pick<PrefixConfig, 'name'>, path: string) => `${name}.${path}.values`;
