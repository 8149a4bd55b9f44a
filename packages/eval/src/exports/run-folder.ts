/**
 * Folders of runs, trials and adapters: their names, what they hold, reading and writing them.
 * @module
 */
export { hashTrial, type TrialConfig, trialFolderName, type TrialMethod } from '../config/trial-config.js';
export {
  isAdapterFolder,
  readAdapterFolder,
  type ReadAdapterOptions,
  writeAdapterFolder,
} from '../run-folder/adapter-folder.js';
export { ensureWritableFolder, writeFileAtomically } from '../run-folder/write-file-atomically.js';
export { createFolderStore } from '../run-folder/folder-checkpoint-store.js';
export { readSummary, readTrialConfig, trialFiles } from '../records/trial-folder.js';
export type { SelectedResult, SplitMetrics, TrialSummary } from '../records/trial-summary.js';
export { experimentFiles } from '../records/experiment-folder.js';
export type { TrialHistory } from '../report/plot-histories.js';
export { readHistories } from '../report/read-histories.js';
export { readResults } from '../records/read-results.js';
