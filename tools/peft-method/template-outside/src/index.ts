export type { MyMethodConfig } from './config.js';
export { myMethod, myMethodDefinition } from './my-method.js';
export { plugin } from './plugin.js';
