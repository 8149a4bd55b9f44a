import { join } from 'node:path';
import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import type { Json } from '@tfjs-peft/peft-core/files';
import { stringify } from 'yaml';
import { parseYaml } from '../config/parse-yaml.js';
import { type TrialConfig, withoutPaths } from '../config/trial-config.js';
import { trialConfig } from '../config/trial-config-schema.js';
import type { TrialSummary } from './trial-summary.js';
import { trialSummary } from './trial-summary-schema.js';
import { compareConfigurations, describeDifferences } from '../run-folder/compare-configurations.js';
import { readTextIfThere } from '../run-folder/read-text.js';
import { parseStored, readStoredJson } from '../run-folder/stored-json.js';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';

/** The files of one trial. */
export const trialFiles = (folder: string) => ({
  config: join(folder, 'config.resolved.yaml'),
  split: join(folder, 'split.json'),
  metrics: join(folder, 'metrics.jsonl'),
  timings: join(folder, 'timings.jsonl'),
  predictions: join(folder, 'predictions.jsonl'),
  items: join(folder, 'items.parquet'),
  evaluations: join(folder, 'evaluations.parquet'),
  summary: join(folder, 'summary.json'),
  environment: join(folder, 'env.json'),
  checkpoint: join(folder, 'checkpoint'),
  adapter: join(folder, 'adapter'),
  /** Adapters that further rules of selection chose, by the name of the rule. */
  selections: join(folder, 'selections'),
});

export type TrialFolderState =
  | { readonly kind: 'new' }
  | { readonly kind: 'unfinished' }
  | { readonly kind: 'finished'; readonly summary: TrialSummary };

/**
 * What a trial's folder already holds. A failed trial counts as unfinished.
 * Errors: `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`, `RUN_FOLDER_DAMAGED`, `FILE_UNREADABLE`.
 */
export async function inspectTrialFolder(folder: string, trial: TrialConfig): Promise<TrialFolderState> {
  const files = trialFiles(folder);
  const text = await readTextIfThere(files.config);
  if (text === null) return { kind: 'new' };
  const stored = readYaml(text, files.config);
  // A file of another shape differs, and the error says where.
  const found = trialConfig.safeParse(stored).success ? withoutPaths(stored as unknown as TrialConfig) : stored;
  requireSameConfiguration(folder, found, withoutPaths(trial));
  const summary = await readSummary(folder);
  return summary?.status === 'done' ? { kind: 'finished', summary } : { kind: 'unfinished' };
}

/** Errors: `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`, which names the first keys that differ. */
export function requireSameConfiguration(folder: string, found: unknown, expected: unknown): void {
  const differences = compareConfigurations(found, expected);
  if (differences.length === 0) return;
  throw new PeftError('RUN_FOLDER_OF_ANOTHER_CONFIGURATION', {
    found: `"${folder}" holds a run of another configuration: ${describeDifferences(differences)}`,
    expected: 'a new folder, or one of the same configuration',
    fix: 'choose another --output, or repeat the configuration that the folder was made with',
  });
}

/** Errors: `RUN_UNFINISHED`. */
export function refuseUnfinished(folder: string): never {
  throw new PeftError('RUN_UNFINISHED', {
    found: `"${folder}" holds an unfinished run of this configuration`,
    fix: 'pass --resume to continue it from its last checkpoint, or another --output to start afresh',
  });
}

export const writeTrialConfig = (folder: string, trial: TrialConfig): Promise<void> =>
  writeFileAtomically(trialFiles(folder).config, stringify(trial, { aliasDuplicateObjects: false }));

/** Errors: `RUN_FOLDER_DAMAGED` where there is none or it is not a trial's. */
export async function readTrialConfig(folder: string): Promise<TrialConfig> {
  const path = trialFiles(folder).config;
  const text = await readTextIfThere(path);
  if (text === null) throw damaged(path, 'the file is not there');
  return parseStored(trialConfig, readYaml(text, path), (why) => damaged(path, why));
}

/** The summary of a trial, failed or done; null where there is none yet. Errors: `JSON_INVALID`, `RUN_FOLDER_DAMAGED`. */
export async function readSummary(folder: string): Promise<TrialSummary | null> {
  return readStoredJson(trialFiles(folder).summary, trialSummary, { code: 'RUN_FOLDER_DAMAGED', fix: runAgain });
}

export function readYaml(text: string, path: string): Json {
  try {
    return parseYaml(text, path) as Json;
  } catch (error) {
    if (!isPeftError(error)) throw error;
    throw damagedAs(error.text.found);
  }
}

const damaged = (path: string, why: string) => damagedAs(`"${path}": ${why}`);

const damagedAs = (found: string) =>
  new PeftError('RUN_FOLDER_DAMAGED', {
    found,
    expected: 'the file as this program wrote it',
    fix: runAgain,
  });

const runAgain = 'delete the folder of this trial and run it again';
