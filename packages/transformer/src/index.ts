export { type BertConfig, parseBertConfig } from './model/bert-config.js';
export { createHost, type HostOptions } from './model/create-host.js';
export { createRandomHost, type RandomHostSizes, tinyBertConfig } from './model/create-random-host.js';
export { memoryTensorSource, type TensorSource } from './weights/tensor-source.js';
export { createTokenizer } from './tokenizer/create-tokenizer.js';
export type { EncodeOptions, TokenizedText, Tokenizer, TokenizerFiles } from './tokenizer/tokenizer.js';
export type { HostChoices, LoadedHost } from './load/build-host.js';
export { loadHostFromUrl, type LoadHostFromUrlOptions } from './load/load-host-from-url.js';
export type { OpenedModel } from './load/open-model.js';
export type { FetchProgress } from './load/url-files.js';
// What follows needs Node and is not in browser.ts.
export {
  type HostSource,
  loadHost,
  type LoadedHostDirectory,
  type LoadHostOptions,
  openModelDirectory,
} from './load/load-host.js';
export { type DownloadProgress, type HubModel, type HubOptions, resolveHubModel } from './hub/resolve-hub-model.js';
