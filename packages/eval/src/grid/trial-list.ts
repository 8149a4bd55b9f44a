import { join, resolve } from 'node:path';
import * as z from 'zod';
import { PeftError } from '@tfjs-peft/peft-core';
import { type TrialConfig, trialId } from '../config/trial-config.js';
import { trialConfig } from '../config/trial-config-schema.js';
import type { PlannedTrial } from '../experiment/run-trials.js';
import { referTo } from '../records/experiment-event.js';
import { toLine } from '../run-folder/line-log.js';
import { readTextIfThere } from '../run-folder/read-text.js';
import { parseStored } from '../run-folder/stored-json.js';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';
import { gridFiles } from './grid-folder.js';

/** A line of `trials.jsonl`: all that a process on any machine needs to run one trial of a grid. */
export interface ListedTrial {
  /** Number of the line, from 0. It never changes: what is added to a grid later comes after it. */
  readonly index: number;
  /** 12 hexadecimal digits of the configuration. */
  readonly id: string;
  readonly cell: string;
  /** Below the folder of the grid; its last segment ends with the id, so that the same trial is never run twice. */
  readonly folder: string;
  readonly config: TrialConfig;
  /** No longer part of the grid. */
  readonly dropped?: true;
}

/** Trials that a list may have: a hundred thousand lines are some hundred megabytes. */
const mostTrials = 100_000;
const maxBytes = 480 * 2 ** 20;

const segment = '[A-Za-z0-9][A-Za-z0-9_.-]{0,250}';
const line = z.strictObject({
  index: z.int().min(0).max(mostTrials),
  id: z.string().regex(/^[0-9a-f]{12}$/, '12 hexadecimal digits'),
  cell: z.string().regex(new RegExp(`^${segment}$`), 'a name'),
  folder: z
    .string()
    .regex(new RegExp(`^cells/${segment}/(?:search/)?trials/${segment}$`), 'cells/<cell>/trials/<name>'),
  config: trialConfig,
  dropped: z.literal(true).optional(),
});

/**
 * The trials of a grid, those that were dropped from it included; none where there is no list yet. Errors: `TRIALS_DAMAGED` for a list that is not as this
 * program wrote it, a configuration that was changed among them.
 */
export async function readTrialList(folder: string): Promise<ListedTrial[]> {
  const path = gridFiles(resolve(folder)).trials;
  const text = await readTextIfThere(path, { maxBytes });
  const lines = (text ?? '').split('\n').filter((part) => part !== '');
  return lines.map((part, number) => {
    const damaged = (why: string) =>
      new PeftError('TRIALS_DAMAGED', {
        found: `line ${number + 1} of "${path}": ${why}`,
        expected: 'the list as this program wrote it',
        fix: 'delete the file and plan the grid again: finished trials are kept',
      });
    let value: unknown;
    try {
      value = JSON.parse(part);
    } catch {
      throw damaged('no JSON');
    }
    const { dropped, ...trial } = parseStored(line, value, damaged);
    if (trial.index !== number || !trial.folder.endsWith(`-${trial.id}`) || trialId(trial.config) !== trial.id)
      throw damaged('its number, its id and its configuration do not belong together');
    return { ...trial, ...(dropped && { dropped }) };
  });
}

/** Errors: `GRID_TOO_LARGE` for more trials than a list may have. */
export function refuseMore(trials: number): void {
  if (trials > mostTrials)
    throw new PeftError('GRID_TOO_LARGE', {
      found: `${trials} runs`,
      expected: `at most ${mostTrials} in one folder`,
      fix: 'make several grids of it',
    });
}

/** A trial that is to be in the list. */
export type Listing = Pick<ListedTrial, 'cell' | 'folder' | 'config'>;

/**
 * Makes `trials.jsonl` list these trials: known ones keep their lines, new ones are added, others are marked as dropped. Gives the
 * trials that are listed now. Errors: `TRIALS_DAMAGED`, `GRID_TOO_LARGE`, `OUTPUT_UNWRITABLE`, `DISK_FULL`.
 */
export async function writeTrialList(folder: string, listings: readonly Listing[]): Promise<ListedTrial[]> {
  const wanted = new Map(listings.map((listing) => [listing.folder, listing]));
  const known = (await readTrialList(folder)).map(({ dropped: _, ...trial }): ListedTrial => {
    const now = wanted.get(trial.folder);
    wanted.delete(trial.folder);
    // Paths are not part of a trial's hash: data and hosts may have moved.
    return now ? { ...trial, config: now.config } : { ...trial, dropped: true };
  });
  const added = [...wanted.values()].map((listing, number): ListedTrial => ({
    index: known.length + number,
    id: trialId(listing.config),
    ...listing,
  }));
  const all = [...known, ...added];
  refuseMore(all.length);
  await writeFileAtomically(gridFiles(folder).trials, all.map(toLine).join(''));
  return all.filter(({ dropped }) => !dropped);
}

/** A listed trial as something to run. */
export const toPlanned = (root: string, { index, cell, folder, config }: ListedTrial): PlannedTrial => ({
  trial: config,
  reference: { ...referTo(config, index), cell },
  folder: join(resolve(root), folder),
});
