export { adapter, adapterDefinition } from './adapter.js';
export type { AdapterConfig, AdapterOptions } from './config.js';
export { doubleSeqBnConfig, parBnConfig, seqBnConfig } from './presets.js';
export { toAdapterHub } from './adapter-hub.js';
