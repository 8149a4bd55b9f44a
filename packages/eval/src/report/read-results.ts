import { join, resolve } from 'node:path';
import { isJsonObject, PeftError } from '@tfjs-peft/peft-core';
import { parseExperiment } from '../config/experiment-config.js';
import { experimentFiles, type ExperimentResult } from '../experiment/experiment-folder.js';
import { parseLines } from '../run-folder/line-log.js';
import { readJsonIfThere, readTextIfThere } from '../run-folder/read-text.js';
import { readTrialConfig, trialFiles } from '../run-folder/trial-folder.js';
import type { TrialSummary } from '../trial/trial-summary.js';
import type { TrialHistory } from './plot-histories.js';

/** The results of a finished experiment; null where `folder` holds none. Errors: `RESULTS_DAMAGED`, `JSON_INVALID`, `CONFIG_INVALID`. */
export async function readResults(folder: string): Promise<ExperimentResult | null> {
  const path = experimentFiles(resolve(folder)).results;
  const stored = await readJsonIfThere(path);
  if (stored === null) return null;
  if (!Array.isArray(stored.trials) || !isJsonObject(stored.config))
    throw new PeftError('RESULTS_DAMAGED', {
      found: `"${path}" is not the result of an experiment`,
      expected: 'the file as this program wrote it',
      fix: 'run the experiment again with --resume: finished trials are kept',
    });
  return {
    folder: resolve(folder),
    config: parseExperiment(stored.config),
    trials: stored.trials as unknown as readonly TrialSummary[],
    adapter: (stored.adapter ?? null) as ExperimentResult['adapter'],
  };
}

/** The development metrics of every trained trial, from its metrics.jsonl. */
export async function readHistories({ folder, trials }: ExperimentResult): Promise<TrialHistory[]> {
  const trained = trials.filter(({ kind, status }) => kind === 'trained' && status === 'done');
  return Promise.all(
    trained.map(async ({ method, dataSeed, trainSeed, headlineMetric, folder: own }) => {
      const files = trialFiles(join(folder, own));
      const rows = parseLines(await readTextIfThere(files.metrics)).filter(({ split }) => split === 'dev');
      // With draws in validation the headline is theirs, and the midpoint is in a column of its own.
      const draws = rows.length > 0 && (await readTrialConfig(join(folder, own))).train?.validation.mode !== 'midpoint';
      return {
        method,
        dataSeed,
        trainSeed,
        points: rows.map((row) => ({
          step: Number(row.step),
          ...(draws
            ? { stochastic: numberOf(row.headline), midpoint: midpointOf(row.midpointMetrics, headlineMetric) }
            : { midpoint: numberOf(row.headline) }),
        })),
      };
    }),
  );
}

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

const midpointOf = (metrics: unknown, name: string): number | undefined =>
  typeof metrics === 'object' && metrics !== null ? numberOf((metrics as Record<string, unknown>)[name]) : undefined;
