export type { PromptConfig, PTuningConfig } from './config.js';
export { pTuning, pTuningDefinition } from './p-tuning.js';
export { prompt, promptDefinition } from './prompt.js';
