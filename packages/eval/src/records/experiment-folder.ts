import { cp, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { stringify } from 'yaml';
import * as z from 'zod';
import { PeftError } from '@tfjs-peft/peft-core';
import { type ExperimentConfig, experimentConfig } from '../config/experiment-config.js';
import { isDirectoryName } from '../config/trial-config.js';
import { isAdapterFolder } from '../run-folder/adapter-folder.js';
import { toFolderError } from '../run-folder/folder-errors.js';
import { readTextIfThere } from '../run-folder/read-text.js';
import { mapFile } from './data-file.js';
import { readYaml, requireSameConfiguration } from './trial-folder.js';
import { parseStored, writeStoredJson } from '../run-folder/stored-json.js';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';
import type { TrialSummary } from './trial-summary.js';
import { trialPath, trialSummary } from './trial-summary-schema.js';

/** The paths of an experiment's files below its folder. */
export const experimentFiles = (folder: string) => ({
  config: join(folder, 'experiment.yaml'),
  trials: join(folder, 'trials'),
  results: join(folder, 'results.json'),
  adapter: join(folder, 'adapter'),
  /** Says that this program made the folder. */
  mark: join(folder, '.tfjs-peft.json'),
});

/** What an experiment left: its configuration, its trials, its adapter. */
export interface ExperimentResult {
  readonly folder: string;
  readonly config: ExperimentConfig;
  /** In the order of the plan: finished and failed ones. */
  readonly trials: readonly TrialSummary[];
  /** The trial whose adapter is copied to `adapter/`, and why that one; null if none was trained. */
  readonly adapter: { readonly trial: string; readonly reason: string } | null;
}

/** `results.json`. */
export const storedResults = z.object({
  config: experimentConfig,
  trials: z.array(trialSummary).readonly(),
  adapter: z
    .object({ trial: trialPath, reason: z.string().max(2000) })
    .nullable()
    .default(null),
});

/**
 * Writes experiment.yaml, or checks the one that is there: more methods and seeds may be added to an experiment, everything else must be
 * the same, because its trials are compared with each other. Errors: `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`.
 */
export async function claimExperimentFolder(folder: string, config: ExperimentConfig): Promise<void> {
  const { config: path } = experimentFiles(folder);
  const text = await readTextIfThere(path);
  if (text !== null && (await hasTrials(folder)))
    requireSameConfiguration(folder, comparable(readExperiment(text, path)), comparable(config));
  await writeFileAtomically(path, stringify(config, { aliasDuplicateObjects: false }));
  await writeFileAtomically(experimentFiles(folder).mark, `${JSON.stringify({ version: 1, madeBy: 'tfjs-peft' })}\n`);
}

/** What experiment.yaml of a run folder holds. Errors: `RUN_FOLDER_DAMAGED`. */
export function readExperiment(text: string, path: string): ExperimentConfig {
  return parseStored(
    experimentConfig,
    readYaml(text, path),
    (why) =>
      new PeftError('RUN_FOLDER_DAMAGED', {
        found: `"${path}": ${why}`,
        expected: 'the experiment as this program wrote it',
        fix: 'choose another folder',
      }),
  );
}

/** A run that was refused before its first trial leaves nothing to protect. */
const hasTrials = async (folder: string): Promise<boolean> =>
  (await readdir(experimentFiles(folder).trials).catch((): string[] => [])).length > 0;

/** What all trials of one experiment share. Folders may differ: data and hosts can be moved, and what they hold is compared by its hash. */
function comparable({ task, data, model, metrics, test }: ExperimentConfig): unknown {
  const { directory: _directory, file, ...rest } = data;
  return {
    task,
    data: { ...rest, file: file && mapFile(file, (path) => basename(path)) },
    model: { ...model, name: ofPlace(model.name), ...(model.prompt && { prompt: promptOf(model.prompt) }) },
    metrics,
    test,
  };
}

/** A folder is known by what it holds. */
const ofPlace = (name: string): string => (isDirectoryName(name) ? '' : name);
const promptOf = ({ mlm, ...prompt }: NonNullable<ExperimentConfig['model']['prompt']>) => ({
  ...prompt,
  ...(mlm !== undefined && { mlm: ofPlace(mlm) }),
});

/** Writes results.json and copies one adapter. */
export async function writeResults(
  folder: string,
  config: ExperimentConfig,
  trials: readonly TrialSummary[],
): Promise<ExperimentResult> {
  const files = experimentFiles(folder);
  const chosen = await chooseAdapter(folder, trials);
  // One of an earlier command would be taken for the one that results.json names.
  if (!chosen) await rm(files.adapter, { recursive: true, force: true });
  else {
    const temporary = join(folder, `.adapter.${process.pid}.tmp`);
    try {
      await rm(temporary, { recursive: true, force: true });
      await cp(join(folder, chosen.trial, 'adapter'), temporary, { recursive: true });
      await rm(files.adapter, { recursive: true, force: true });
      await rename(temporary, files.adapter);
    } catch (error) {
      throw toFolderError(error, folder);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  const result: ExperimentResult = { folder, config, trials, adapter: chosen };
  const { folder: _folder, ...stored } = result;
  await writeStoredJson(files.results, storedResults, stored);
  return result;
}

/**
 * The trained trial with the best result on its development set; the test set has no say. Without development sets the first run of the
 * last method, which is the one that an experiment is usually about.
 */
async function chooseAdapter(folder: string, trials: readonly TrialSummary[]): Promise<ExperimentResult['adapter']> {
  const candidates: TrialSummary[] = [];
  for (const trial of trials)
    if (
      trial.status === 'done' &&
      trial.kind === 'trained' &&
      (await isAdapterFolder(join(folder, trial.folder, 'adapter')))
    )
      candidates.push(trial);
  const ofLastMethod = candidates.find(({ method }) => method === candidates.at(-1)?.method);
  if (!ofLastMethod) return null;
  const best = candidates.reduce(
    (a, b) => ((b.dev?.headline ?? -Infinity) > (a.dev?.headline ?? -Infinity) ? b : a),
    ofLastMethod,
  );
  const reason = best.dev
    ? `best ${best.devMetric ?? best.headlineMetric} on its development set (${best.dev.headline.toFixed(1)}) of ${candidates.length} trained trials`
    : 'the first run of the last method (there are no development sets to choose by)';
  return { trial: best.folder, reason };
}
