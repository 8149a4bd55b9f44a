import { dirname, join, resolve } from 'node:path';
import { isPeftError } from '@tfjs-peft/peft-core';
import { groupBy } from '../statistics/group-by.js';
import { experimentFiles, readExperiment, writeResults } from '../records/experiment-folder.js';
import { readSummary } from '../records/trial-folder.js';
import type { TrialSummary } from '../records/trial-summary.js';
import { lockFolder } from '../run-folder/folder-lock.js';
import { readTextIfThere } from '../run-folder/read-text.js';
import { readTrialList } from './trial-list.js';

/**
 * Writes `results.json` and `adapter/` of every experiment of a grid, from the trials that have ended; the others are left out, and so are damaged ones. May be called while
 * trials run, wherever they run. Errors: `TRIALS_DAMAGED`, `RUN_FOLDER_DAMAGED` for an experiment.yaml, `FOLDER_IN_USE`, `OUTPUT_UNWRITABLE`, `DISK_FULL`.
 */
export async function collectGrid(given: string): Promise<void> {
  const root = resolve(given);
  const trials = (await readTrialList(root)).filter(({ dropped }) => !dropped);
  for (const [path, own] of groupBy(trials, ({ folder }) => dirname(dirname(join(root, folder))))) {
    const summaries: TrialSummary[] = [];
    for (const { folder } of own) {
      const summary = await readSummary(join(root, folder)).catch((error: unknown) => {
        if (isPeftError(error)) return null;
        throw error;
      });
      if (summary) summaries.push(summary);
    }
    const { config } = experimentFiles(path);
    const text = await readTextIfThere(config);
    if (text === null || summaries.length === 0) continue;
    const release = await lockFolder(path);
    try {
      await writeResults(path, readExperiment(text, config), summaries);
    } finally {
      release();
    }
  }
}
