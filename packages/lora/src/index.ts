export type { LoraConfig } from './config.js';
export { combineStrategies } from './combine/strategies.js';
export { isLora, lora, loraDefinition } from './lora.js';
export { type MlxOptions, readMlxLora } from './read-mlx-lora.js';
export { type MlxHost } from './mlx-names.js';
export { writeMlxLora } from './write-mlx-lora.js';
