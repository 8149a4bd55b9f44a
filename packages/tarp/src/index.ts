export type { TarpConfig } from './config.js';
export { type DynamicFactors, dynamicScaleDelta, dynamicShift } from './dynamic-products.js';
export { kroneckerSum, scaleOf, softplusOffset } from './static-matrices.js';
export { tarp, tarpDefinition } from './tarp.js';
