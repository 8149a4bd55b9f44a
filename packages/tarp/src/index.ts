export type { TarpConfig } from './config.js';
export { dynamicScaleDelta } from './dynamic-products.js';
export { kroneckerSum, scaleOf, softplusOffset } from './static-matrices.js';
export { tarp, tarpDefinition } from './tarp.js';
