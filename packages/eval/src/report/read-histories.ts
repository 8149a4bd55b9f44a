import { join } from 'node:path';
import * as z from 'zod';
import type { ExperimentResult } from '../records/experiment-folder.js';
import { parseLines } from '../run-folder/line-log.js';
import { readTextIfThere } from '../run-folder/read-text.js';
import { readTrialConfig, trialFiles } from '../records/trial-folder.js';
import type { TrialHistory } from './plot-histories.js';

/** A line of metrics.jsonl, as far as it is read. */
const metricsLine = z.object({
  step: z.int().min(0),
  split: z.string(),
  headline: z.number().optional(),
  midpointMetrics: z.record(z.string(), z.number()).optional(),
});

/** The development metrics of every trained trial, from its metrics.jsonl. */
export async function readHistories({ folder, trials }: ExperimentResult): Promise<TrialHistory[]> {
  const trained = trials.filter(({ kind, status }) => kind === 'trained' && status === 'done');
  return Promise.all(
    trained.map(async ({ method, dataSeed, trainSeed, headlineMetric, devMetric = headlineMetric, folder: own }) => {
      const files = trialFiles(join(folder, own));
      const rows = parseLines(await readTextIfThere(files.metrics))
        .map((line) => metricsLine.safeParse(line).data)
        .filter((row) => row?.split === 'dev');
      // With draws in validation the headline is theirs, and the midpoint is in a column of its own.
      const draws = rows.length > 0 && (await readTrialConfig(join(folder, own))).train?.validation.mode !== 'midpoint';
      return {
        method,
        dataSeed,
        trainSeed,
        points: rows.flatMap((row) => {
          if (!row) return [];
          const { step, headline, midpointMetrics } = row;
          const midpoint = draws ? midpointMetrics?.[devMetric] : headline;
          return [{ step, ...(draws && { stochastic: headline }), midpoint }];
        }),
      };
    }),
  );
}
