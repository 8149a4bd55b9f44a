import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isPeftError } from '@tfjs-peft/peft-core';
import { readTrialList } from '../grid/trial-list.js';
import { readSummary, trialFiles } from '../records/trial-folder.js';
import { writerOf } from '../run-folder/folder-lock.js';
import { isCancelled, readSweepRecord, requireGrid, type SweepRecord } from './sweep-folder.js';

/** Where a trial stands. `begun`: it has a folder and nobody writes to it; `damaged`: its summary is not whole. */
export const trialStates = ['done', 'failed', 'running', 'begun', 'open', 'damaged'] as const;
/** Where a trial stands. */
export type TrialState = (typeof trialStates)[number];

/** One trial of a sweep as its folder shows it. */
export interface TrialStatus {
  readonly index: number;
  readonly id: string;
  readonly cell: string;
  /** Below the folder of the sweep. */
  readonly folder: string;
  readonly state: TrialState;
  /** That it took. */
  readonly seconds?: number;
  /** Why it failed, or what is wrong with it. */
  readonly error?: { readonly code: string; readonly message: string };
  /** Where it runs: `process 12 on host`. */
  readonly writer?: string;
}

/** Where a sweep stands, read from its folder alone: true for every engine. */
export interface SweepStatus {
  readonly record: SweepRecord | null;
  readonly cancelled: boolean;
  /** Cells whose settings are not chosen yet. */
  readonly undecided: number;
  readonly trials: readonly TrialStatus[];
}

/** Errors: `GRID_MISSING`, `GRID_DAMAGED`, `TRIALS_DAMAGED`, `SWEEP_DAMAGED`. */
export async function readSweepStatus(given: string): Promise<SweepStatus> {
  const folder = resolve(given);
  const { cells } = await requireGrid(folder);
  const trials: TrialStatus[] = [];
  for (const { index, id, cell, folder: below, dropped } of await readTrialList(folder))
    if (!dropped) trials.push({ index, id, cell, folder: below, ...(await statusOf(join(folder, below))) });
  return {
    record: await readSweepRecord(folder),
    cancelled: isCancelled(folder),
    undecided: cells.filter(({ trials: known }) => known === null).length,
    trials,
  };
}

async function statusOf(path: string): Promise<Pick<TrialStatus, 'state' | 'seconds' | 'error' | 'writer'>> {
  try {
    const summary = await readSummary(path);
    if (summary?.status === 'done') return { state: 'done', seconds: summary.seconds };
    const writer = await writerOf(path);
    if (writer) return { state: 'running', writer: `process ${writer.pid} on ${writer.host}` };
    if (summary) return { state: 'failed', ...(summary.error && { error: summary.error }) };
    return { state: existsSync(trialFiles(path).config) ? 'begun' : 'open' };
  } catch (error) {
    if (!isPeftError(error)) throw error;
    return { state: 'damaged', error: { code: error.code, message: error.message } };
  }
}
