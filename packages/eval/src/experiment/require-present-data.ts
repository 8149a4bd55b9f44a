import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { canonicalJson } from '@tfjs-peft/peft-core/files';
import type { TrialConfig } from '../config/trial-config.js';
import type { Catalogue } from '../methods/plugins.js';
import type { OnExperimentEvent } from '../records/experiment-event.js';
import type { TrialSummary } from '../records/trial-summary.js';
import { groupBy } from '../statistics/group-by.js';
import { compareRows } from '../trial/compare-rows.js';
import { readTaskRows } from '../trial/task-data.js';

/** A trial whose result is there already. */
export interface FinishedTrial {
  readonly folder: string;
  readonly trial: TrialConfig;
  readonly summary: TrialSummary;
}

/** Errors of data that are no longer where they were. */
const gone = new Set(['TASK_FILE_MISSING', 'TASK_DIRECTORY_MISSING']);

/**
 * Results that are there are shown as those of the data that are named now: reads each task, and no host, and compares its rows with those that finished trials
 * saw. Data that are gone are a warning. Errors: `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`, and those of tasks that cannot be read.
 */
export async function requirePresentData(
  finished: readonly FinishedTrial[],
  { catalogue, onEvent }: { readonly catalogue: Catalogue; readonly onEvent: OnExperimentEvent },
): Promise<void> {
  for (const own of groupBy(finished, ({ trial }) => canonicalJson(whatIsRead(trial))).values()) {
    const [{ trial: first }] = own as [FinishedTrial];
    const rows = await readTaskRows(first, catalogue).catch((error: unknown) => {
      if (!isPeftError(error) || !gone.has(error.code)) throw error;
      const text = `the results of ${own.length} finished runs are those of earlier data: ${error.text.found}`;
      onEvent({ type: 'warning', text });
    });
    if (!rows) continue;
    for (const { folder, trial, summary } of own) {
      const difference = compareRows(summary, trial, rows);
      if (difference !== undefined) throw changed(folder, rows.loaded.files, difference);
    }
  }
}

/** What of a trial decides which rows its task has. */
const whatIsRead = ({ task, data: { directory, file, emptyText, group, promptTemplate } }: TrialConfig) =>
  JSON.parse(JSON.stringify({ task, directory, file, emptyText, group, promptTemplate })) as never;

const changed = (folder: string, files: readonly string[], difference: string) =>
  new PeftError('RUN_FOLDER_OF_ANOTHER_CONFIGURATION', {
    found: `"${folder}" holds a run on other data than ${files.join(', ')} ${files.length === 1 ? 'has' : 'have'} now: ${difference}`,
    expected: 'the data that the finished runs saw',
    fix: 'choose another --output, or put the earlier data back',
  });
