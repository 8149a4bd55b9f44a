export { findCoincidingVertices } from './coinciding-vertices.js';
export type { SubspaceConfig } from './config.js';
export { squaredCosine } from './cosine-penalty.js';
export { drawCoefficients } from './draw-coefficients.js';
export { mixVertices } from './mix-vertices.js';
export { noise, type NoiseConfig, noiseDefinition } from './noise.js';
export { measureSimplex, pointOfSimplex, type SimplexGeometry } from './simplex-points.js';
export { isSubspace, subspace, subspaceDefinition } from './subspace.js';
export { trainedEffective } from './trained-effective.js';
