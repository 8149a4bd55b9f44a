import { resolve } from 'node:path';
import { readStoredJson } from '../run-folder/stored-json.js';
import { experimentFiles, type ExperimentResult, storedResults } from './experiment-folder.js';

/** The results of a finished experiment; null where `folder` holds none. Errors: `RESULTS_DAMAGED`, `JSON_*`, `FILE_*`. */
export async function readResults(folder: string): Promise<ExperimentResult | null> {
  const path = experimentFiles(resolve(folder)).results;
  const stored = await readStoredJson(path, storedResults, {
    code: 'RESULTS_DAMAGED',
    fix: 'run the experiment again with --resume: finished trials are kept',
  });
  return stored && { folder: resolve(folder), ...stored };
}
