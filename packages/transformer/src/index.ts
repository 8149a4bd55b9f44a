export * from './browser.js';
// What needs Node.
export {
  type HostSource,
  loadHost,
  type LoadedHostDirectory,
  type LoadHostOptions,
  openModelDirectory,
} from './load/load-host.js';
export { type LoadedClassifier, loadClassifier } from './load/load-classifier.js';
export { type CompanionOptions, readCompanionFiles } from './save/companion-files.js';
export { loadMlmHead } from './load/load-mlm-head.js';
export {
  type DownloadProgress,
  type HubModel,
  type HubOptions,
  isHubName,
  resolveHubAdapter,
  resolveHubModel,
} from './hub/resolve-hub-model.js';
