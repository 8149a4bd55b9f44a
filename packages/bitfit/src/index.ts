export { bitfit, bitfitDefinition } from './bitfit.js';
export { type BiasGroup, biasGroups, type BitfitConfig, type LayerNormTuningConfig } from './config.js';
export { layerNormTuning, layerNormTuningDefinition } from './layer-norm-tuning.js';
