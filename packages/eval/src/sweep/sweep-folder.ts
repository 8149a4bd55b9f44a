import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { PeftError } from '@tfjs-peft/peft-core';
import type { GridConfigInput } from '../grid/grid-config.js';
import { gridFiles, readGrid, type StoredGrid } from '../grid/grid-folder.js';
import { type OpenedGrid, openGrid } from '../grid/plan-trials.js';
import type { EvalPlugin } from '../methods/plugins.js';
import { howToAllow, listOf } from '../records/recorded-plugins.js';
import { readStoredJson, writeStoredJson } from '../run-folder/stored-json.js';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';

/** The files that a sweep has beside those of its grid. */
export const sweepFiles = (folder: string) => ({
  record: join(folder, 'sweep.json'),
  /** As long as it is there, workers of every engine stop. */
  cancelled: join(folder, 'cancelled'),
  slurm: join(folder, 'slurm'),
  kubernetes: join(folder, 'kubernetes.yaml'),
});

const mostJobs = 1000;

const sweepRecord = z.object({
  /** Tells the queues of sweeps apart. */
  id: z.string().regex(/^[0-9a-f]{12}$/),
  engine: z.enum(['local', 'bullmq', 'slurm', 'kubernetes']),
  /** Without its password. */
  redis: z.string().max(500).optional(),
  /** Jobs of Slurm that were submitted. */
  jobs: z.array(z.string().regex(/^\d+$/)).max(mostJobs).optional(),
  /** Failed tries of settings that were handed out once more: failed again, they do not hold up the choice. */
  retried: z.array(z.string().max(1000)).optional(),
});

/** How a sweep was started last: `sweep.json`. */
export type SweepRecord = z.output<typeof sweepRecord>;

/** Null where no sweep was started. Errors: `SWEEP_DAMAGED`. */
export const readSweepRecord = (folder: string): Promise<SweepRecord | null> =>
  readStoredJson(sweepFiles(resolve(folder)).record, sweepRecord, {
    code: 'SWEEP_DAMAGED',
    fix: 'delete the file and start the sweep again: finished trials are kept',
  });

/** Notes how a sweep is started; its id stays what it was, and so do the jobs that were submitted, the newest of them, until it is cancelled. */
export async function recordSweep(folder: string, how: Omit<SweepRecord, 'id'>): Promise<SweepRecord> {
  const earlier = await readSweepRecord(folder);
  const jobs = [...new Set([...(earlier?.jobs ?? []), ...(how.jobs ?? [])])].slice(-mostJobs);
  const retried = how.retried ?? earlier?.retried;
  const record = {
    id: earlier?.id ?? randomBytes(6).toString('hex'),
    ...how,
    ...(jobs.length > 0 && { jobs }),
    ...(retried && { retried }),
  };
  await writeStoredJson(sweepFiles(folder).record, sweepRecord, record);
  return record;
}

/** Makes all workers of a sweep stop after their step, on every machine that sees the folder. */
export const markCancelled = (folder: string): Promise<void> =>
  writeFileAtomically(sweepFiles(resolve(folder)).cancelled, `${new Date().toISOString()}\n`);

export const isCancelled = (folder: string): boolean => existsSync(sweepFiles(folder).cancelled);

export const clearCancelled = (folder: string): Promise<void> => rm(sweepFiles(folder).cancelled, { force: true });

/** The grid of a folder. Errors: `GRID_MISSING`, `GRID_DAMAGED`. */
export async function requireGrid(folder: string): Promise<StoredGrid> {
  const stored = await readGrid(folder);
  if (stored) return stored;
  throw new PeftError('GRID_MISSING', {
    found: `no grid in "${folder}"`,
    expected: 'a folder that `tfjs-peft sweep plan` or `tfjs-peft ablate` wrote',
    fix: 'check the path, or plan the grid first',
  });
}

/** What {@link runGrid} and {@link openGrid} take, of a grid that lies in its folder. */
export interface StoredInput {
  readonly input: GridConfigInput;
  readonly plugins: readonly (EvalPlugin | string)[];
}

/**
 * The grid of a folder, to be opened again. `plugins`: those that the caller trusts; what the folder names is imported in no other way.
 * Errors: `GRID_MISSING`, `GRID_DAMAGED`, `PLUGIN_NOT_ALLOWED`.
 */
export async function readStoredInput(
  folder: string,
  plugins: readonly (EvalPlugin | string)[] | undefined,
): Promise<StoredInput> {
  const { config } = await requireGrid(folder);
  if (config.plugins.length > 0 && plugins === undefined)
    throw new PeftError('PLUGIN_NOT_ALLOWED', {
      found: `the grid in "${gridFiles(folder).plan}" was planned with the plugins ${listOf(config.plugins)}`,
      expected: 'plugins that you name yourself: their code runs here',
      fix: howToAllow(config.plugins, folder),
    });
  return { input: { ...config, plugins: [] } as GridConfigInput, plugins: plugins ?? [] };
}

/** Expands the grid of a folder again. Errors: those of {@link readStoredInput}, `PLUGIN_UNUSABLE`. */
export async function openStoredGrid(
  folder: string,
  given: readonly (EvalPlugin | string)[] | undefined,
): Promise<OpenedGrid> {
  const { input, plugins } = await readStoredInput(folder, given);
  return openGrid(input, { plugins });
}

/** A signal that also stops where the sweep is cancelled, on whatever machine that happens. */
export function watchForCancel(
  folder: string,
  given?: AbortSignal,
): { readonly signal: AbortSignal; readonly end: () => void } {
  const stop = new AbortController();
  const timer = setInterval(() => isCancelled(folder) && stop.abort(), lookEvery);
  timer.unref();
  const abort = () => stop.abort();
  if (given?.aborted) abort();
  given?.addEventListener('abort', abort);
  return {
    signal: stop.signal,
    end() {
      clearInterval(timer);
      given?.removeEventListener('abort', abort);
    },
  };
}

/** Milliseconds between two looks for a request to stop. */
const lookEvery = 500;

/** Errors: `SWEEP_CANCELLED`. */
export function refuseCancelled(folder: string): void {
  if (isCancelled(folder))
    throw new PeftError('SWEEP_CANCELLED', {
      found: `the sweep in "${folder}" is cancelled; finished trials and checkpoints are kept`,
      fix: 'start it again with `tfjs-peft sweep start`',
    });
}
