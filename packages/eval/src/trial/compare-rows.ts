import type { TrialConfig } from '../config/trial-config.js';
import type { TrialSummary } from '../records/trial-summary.js';
import { hashSplit, type TaskRows } from './task-data.js';

/**
 * How the rows of a task now differ from those that a finished trial saw, in words; undefined where they are the same. The trial's own settings say which rows those
 * are where its summary, of an older version, has the hash of its split alone.
 */
export function compareRows(
  { dataHash, splitHash }: Pick<TrialSummary, 'dataHash' | 'splitHash'>,
  { data, seed }: Pick<TrialConfig, 'data' | 'seed'>,
  rows: TaskRows,
): string | undefined {
  const [what, seen, now] =
    dataHash !== undefined
      ? ['dataHash', dataHash, rows.dataHash]
      : ['splitHash', splitHash, hashSplit(rows.loaded, data, seed.data)];
  return seen === now ? undefined : `${what} is "${now}", not "${seen}"`;
}
