import { join, resolve } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { collectGrid } from '../grid/collect-grid.js';
import { type OpenGridOptions, openGrid, planTrials } from '../grid/plan-trials.js';
import type { GridConfigInput } from '../grid/grid-config.js';
import type { EvalPlugin } from '../methods/plugins.js';
import { lockFolder } from '../run-folder/folder-lock.js';
import { ensureWritableFolder, writeFileAtomically } from '../run-folder/write-file-atomically.js';
import { openBullmqQueue, withoutPassword } from './bullmq-queue.js';
import { kubernetesJob, type KubernetesOptions } from './kubernetes-job.js';
import { slurmScript, type SlurmOptions } from './slurm-script.js';
import {
  clearCancelled,
  openStoredGrid,
  readStoredInput,
  recordSweep,
  refuseCancelled,
  sweepFiles,
  watchForCancel,
  readSweepRecord,
} from './sweep-folder.js';
import { runGrid, type RunGridOptions } from '../grid/run-grid.js';
import type { StoredGrid } from '../grid/grid-folder.js';
import { readSweepStatus, type SweepStatus, type TrialStatus } from './sweep-status.js';

/** Where a sweep lies, and how it was asked for. */
export interface PlanSweepOptions extends OpenGridOptions {
  readonly folder: string;
  readonly command?: string;
}

/** Writes the folder of a sweep and runs nothing. Errors: those of {@link openGrid} and `planTrials`, `FOLDER_IN_USE`. */
export async function planSweep(input: GridConfigInput, options: PlanSweepOptions): Promise<SweepStatus> {
  const folder = resolve(options.folder);
  const opened = await openGrid(input, options);
  await ensureWritableFolder(folder);
  const release = await lockFolder(folder);
  try {
    await planTrials(opened, { folder, ...(options.command !== undefined && { command: options.command }) });
  } finally {
    release();
  }
  return readSweepStatus(folder);
}

/**
 * Runs what is left of a planned sweep in processes of this machine. Errors: those of {@link runGrid}, `GRID_MISSING`, `PLUGIN_NOT_ALLOWED`,
 * `SWEEP_CANCELLED`.
 */
export async function runSweepHere(
  given: string,
  options: Omit<RunGridOptions, 'folder' | 'resume' | 'directory' | 'command'>,
): Promise<StoredGrid> {
  const folder = resolve(given);
  const { input, plugins } = await readStoredInput(folder, options.plugins);
  await clearCancelled(folder);
  await recordSweep(folder, { engine: 'local' });
  const { signal, end } = watchForCancel(folder, options.signal);
  try {
    return await runGrid(input, { ...options, folder, plugins, signal, resume: true });
  } catch (error) {
    refuseCancelled(folder);
    throw error;
  } finally {
    end();
  }
}

/** What runs the trials of a sweep, and what it is told. */
export type SweepEngine =
  | { readonly kind: 'bullmq'; readonly redis: string }
  | ({ readonly kind: 'slurm' } & Omit<SlurmOptions, 'folder' | 'tasks' | 'name'> & { readonly tasks?: number })
  | ({ readonly kind: 'kubernetes' } & Omit<KubernetesOptions, 'folder' | 'tasks' | 'name'> & {
        readonly tasks?: number;
      });

/** What was handed over. */
export interface StartedSweep {
  readonly status: SweepStatus;
  /** Trials that are neither done nor running. */
  readonly open: number;
  /** Of those, handed to a queue now. */
  readonly submitted?: number;
  /** The script or manifest that was written. */
  readonly file?: string;
}

/** A try of settings lies in the search folder of its cell. */
const isTry = (path: string): boolean => /^cells\/[^/]+\/search\//.test(path);

/** Tasks of an array by default at most: the limit of Slurm as it comes is 1001. */
const mostTasks = 1000;

/**
 * Hands what is left of a planned sweep to an engine: failed trials again, finished ones never. Settings that can be chosen by now are chosen first. May be called
 * again at any time. Errors: those of the engine, `GRID_MISSING`, `PLUGIN_NOT_ALLOWED`, `SEARCH_FAILED`, `FOLDER_IN_USE`.
 */
export async function startSweep(
  given: string,
  engine: SweepEngine,
  options: { readonly plugins?: readonly (EvalPlugin | string)[] } = {},
): Promise<StartedSweep> {
  const folder = resolve(given);
  const opened = await openStoredGrid(folder, options.plugins);
  const release = await lockFolder(folder);
  try {
    // As in a run here: nothing is chosen while a failed try is open again. One that failed twice holds nothing up, and is not run a third time.
    const before = new Set((await readSweepRecord(folder))?.retried);
    await planTrials(opened, { folder, retry: (path) => !before.has(path) });
    await clearCancelled(folder);
    const status = await readSweepStatus(folder);
    const isSpent = ({ folder: path, state }: TrialStatus) => state === 'failed' && before.has(path);
    const left = status.trials.filter((one) => one.state !== 'done' && one.state !== 'running' && !isSpent(one));
    const again = left.filter(({ state, folder: path }) => state === 'failed' && isTry(path));
    const retried = [...before, ...again.map(({ folder: path }) => path)];
    const open = left.length;
    if (engine.kind === 'bullmq') {
      const { id } = await recordSweep(folder, { engine: 'bullmq', redis: withoutPassword(engine.redis), retried });
      const queue = await openBullmqQueue({ url: engine.redis, id });
      try {
        return { status, open, submitted: await queue.submit(left.map(({ folder: path }) => path)) };
      } finally {
        await queue.close();
      }
    }
    const { id } = await recordSweep(folder, { engine: engine.kind, retried });
    const tasks = Math.max(1, Math.min(engine.tasks ?? Math.min(open, mostTasks), status.trials.length));
    const common = { folder, tasks, name: `tfjs-peft-${id}` };
    const files = sweepFiles(folder);
    const file = engine.kind === 'slurm' ? join(files.slurm, 'array.sh') : files.kubernetes;
    await writeFileAtomically(
      file,
      engine.kind === 'slurm' ? slurmScript({ ...engine, ...common }) : kubernetesJob({ ...engine, ...common }),
    );
    return { status, open, file };
  } finally {
    release();
  }
}

/** Collects what has ended: `results.json` of each cell, and where the sweep stands. Errors: those of `collectGrid`. */
export async function collectSweep(folder: string): Promise<SweepStatus> {
  const status = await readSweepStatus(folder);
  await collectGrid(folder);
  return status;
}

/** The queue of a sweep that was started with BullMQ. Errors: `SWEEP_NOT_STARTED`, those of `openBullmqQueue`. */
export async function openSweepQueue(folder: string, redis: string | undefined) {
  const { record } = await readSweepStatus(folder);
  const url = redis ?? record?.redis;
  if (record?.engine !== 'bullmq' || url === undefined)
    throw new PeftError('SWEEP_NOT_STARTED', {
      found: `the sweep in "${folder}" was not handed to a queue`,
      expected: 'one that was started with --engine bullmq',
      fix: 'run `tfjs-peft sweep start` with --engine bullmq first, or give this worker a share with --shard',
    });
  return openBullmqQueue({ url, id: record.id });
}
