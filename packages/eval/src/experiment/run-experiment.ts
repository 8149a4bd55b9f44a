import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import type { BackendChoice } from '@tfjs-peft/backend';
import { PeftError } from '@tfjs-peft/peft-core';
import type { ExperimentConfigInput } from '../config/experiment-config.js';
import { parseExperiment } from '../config/experiment-config.js';
import { resolveExperiment } from '../config/resolve-experiment.js';
import { loadGivenPlugins, nameFromFolder } from '../methods/load-plugins.js';
import { type Catalogue, createCatalogue, type EvalPlugin } from '../methods/plugins.js';
import { nameMissingPlugins } from '../records/recorded-plugins.js';
import { lockFolder } from '../run-folder/folder-lock.js';
import { inspectTrialFolder, refuseUnfinished, requireSameConfiguration } from '../records/trial-folder.js';
import { ensureWritableFolder } from '../run-folder/write-file-atomically.js';
import { writeFailure } from '../trial/run-trial.js';
import type { TrialSummary } from '../records/trial-summary.js';
import { type OnExperimentEvent, referTo } from '../records/experiment-event.js';
import { claimExperimentFolder, type ExperimentResult, writeResults } from '../records/experiment-folder.js';
import { createLocalRunner, type RunnerSetup } from './local-runner.js';
import { createProcessRunners } from './process-runner.js';
import { type PlannedTrial, runTrials, toPlainError } from './run-trials.js';

/** Where an experiment runs and how: folder, processes, backend, plugins. */
export interface RunExperimentOptions {
  readonly folder: string;
  /** Trials at a time; more than one run in child processes. Default 1. */
  readonly jobs?: number;
  /** Default `auto`; `current` takes the backend that is set already (one job only). */
  readonly backend?: BackendChoice | 'current';
  /** In addition to the configuration's own: names of modules, seen from the working directory, or objects (one job only). */
  readonly plugins?: readonly (EvalPlugin | string)[];
  /** Where the configuration's own plugins are looked for, the folder of its file; the working directory if absent. */
  readonly directory?: string;
  readonly onEvent?: OnExperimentEvent;
  readonly signal?: AbortSignal;
  /** Seconds without a sign of life after which a child process counts as hung and its trial as failed. Default 600. */
  readonly hangLimit?: number;
  /** Continues what an earlier run of the same experiment left unfinished. */
  readonly resume?: boolean;
}

/**
 * Runs all trials of an experiment and writes `experiment.yaml`, `trials/`, `results.json` and `adapter/`. Trials that are finished
 * already are used as they are. A trial that fails is reported as failed and does not stop the others.
 *
 * Errors: `CONFIG_INVALID`, `UNKNOWN_PRESET`, `UNKNOWN_METHOD`, `UNKNOWN_TASK`, `OUTPUT_UNWRITABLE`, `DISK_FULL`,
 * `FOLDER_IN_USE`, `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`, `RUN_UNFINISHED`, `INTERRUPTED`, `JOBS_INVALID`, `PLUGIN_UNUSABLE`, `BACKEND_UNUSABLE`, and
 * those of tasks, splits and hosts.
 */
export async function runExperiment(
  input: ExperimentConfigInput,
  options: RunExperimentOptions,
): Promise<ExperimentResult> {
  const { onEvent = () => {}, signal, jobs = 1, backend = 'auto', resume = false, hangLimit = 600 } = options;
  const folder = resolve(options.folder);
  const directory = resolve(options.directory ?? '.');
  checkJobs(options);
  const parsed = parseExperiment(input);
  const { modules, plugins } = await loadGivenPlugins(options.plugins ?? [], { names: parsed.plugins, directory });
  const catalogue = createCatalogue(plugins);
  const recorded = modules.map((module) => nameFromFolder(module, folder));
  const { config, trials } = await resolveOrName({ ...input, plugins: recorded }, catalogue, folder);
  const planned = trials.map((trial, index): PlannedTrial => ({ trial, reference: referTo(trial, index) }));
  await ensureWritableFolder(folder);
  const release = await lockFolder(folder);
  try {
    return await runPlanned({
      config,
      planned,
      modules,
      catalogue,
      folder,
      jobs,
      backend,
      resume,
      hangLimit,
      onEvent,
      signal,
    });
  } finally {
    release();
  }
}

/** What cannot be resolved may be something that the folder's earlier run had from a plugin. */
async function resolveOrName(input: ExperimentConfigInput, catalogue: Catalogue, folder: string) {
  try {
    return resolveExperiment(input, catalogue);
  } catch (error) {
    throw await nameMissingPlugins(error, [folder]);
  }
}

interface PlannedRun extends RunnerSetup {
  readonly planned: readonly PlannedTrial[];
  readonly catalogue: Catalogue;
  readonly jobs: number;
  readonly backend: BackendChoice | 'current';
  readonly hangLimit: number;
}

/** The part of {@link runExperiment} that writes. */
async function runPlanned({
  planned,
  catalogue,
  jobs,
  backend,
  hangLimit,
  ...setup
}: PlannedRun): Promise<ExperimentResult> {
  const { config, folder, resume, onEvent } = setup;
  await claimExperimentFolder(folder, config);
  const finished = await findFinished(folder, planned, resume);
  onEvent({
    type: 'plan',
    trials: planned.map(({ reference }) => reference),
    finished: [...finished.keys()].map(
      (name) => planned.find(({ reference }) => reference.folder === name)!.reference.id,
    ),
  });
  for (const { reference } of planned) {
    const summary = finished.get(reference.folder);
    if (summary) onEvent({ type: 'trial-end', trial: reference, summary, reused: true });
  }
  const open = planned.filter(({ reference }) => !finished.has(reference.folder));
  const summaries = new Map(finished);
  if (open.length > 0) {
    const runners =
      jobs > 1
        ? await createProcessRunners(
            { ...setup, backend: backend as BackendChoice, hangLimit },
            Math.min(jobs, open.length),
          )
        : [await createLocalRunner({ ...setup, backend, catalogue })];
    try {
      const done = await runTrials(
        open,
        runners,
        ({ trial, reference }, error) => {
          onEvent({ type: 'warning', trial: reference, text: `failed: ${toPlainError(error).message}` });
          return writeFailure(trial, join(folder, 'trials', reference.folder), toPlainError(error));
        },
        ({ reference }, summary) => {
          requireSameData(join(folder, 'trials', reference.folder), summary, finished);
          onEvent({ type: 'trial-end', trial: reference, summary, reused: false });
        },
      );
      done.forEach((summary, name) => summaries.set(name, summary));
    } finally {
      await Promise.all(runners.map((runner) => runner.close()));
    }
  }
  const ordered = planned.map(({ reference }) => summaries.get(reference.folder)!);
  return writeResults(folder, config, ordered);
}

/** The trials whose results are there. Errors: `RUN_UNFINISHED` before any work, unless resuming; damaged and foreign folders. */
async function findFinished(
  folder: string,
  planned: readonly PlannedTrial[],
  resume: boolean,
): Promise<Map<string, TrialSummary>> {
  const finished = new Map<string, TrialSummary>();
  let unfinished: string | undefined;
  for (const { trial, reference } of planned) {
    const path = join(folder, 'trials', reference.folder);
    const state = await inspectTrialFolder(path, trial);
    if (state.kind === 'finished')
      finished.set(reference.folder, {
        ...state.summary,
        // Where it lies is known here; what the file says of it is not asked.
        folder: `trials/${reference.folder}`,
      });
    if (state.kind === 'unfinished') unfinished ??= path;
  }
  if (unfinished !== undefined && !resume) refuseUnfinished(unfinished);
  return finished;
}

/**
 * Trials that were there already must have seen the same rows and host as a new one.
 * Errors: `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`.
 */
function requireSameData(folder: string, summary: TrialSummary, finished: ReadonlyMap<string, TrialSummary>): void {
  if (summary.status !== 'done') return;
  const { dataSeed, splitHash, hostFingerprint } = summary;
  for (const other of finished.values()) {
    const found = {
      hostFingerprint: other.hostFingerprint,
      splitHash: other.dataSeed === dataSeed ? other.splitHash : splitHash,
    };
    requireSameConfiguration(folder, found, { hostFingerprint, splitHash });
  }
}

function checkJobs({ jobs = 1, plugins = [], backend }: RunExperimentOptions): void {
  const invalid = (found: string, expected: string) => new PeftError('JOBS_INVALID', { found, expected });
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 256)
    throw invalid(`jobs ${jobs}`, `a whole number from 1; this machine has ${cpus().length} processors`);
  if (jobs > 1 && plugins.some((plugin) => typeof plugin !== 'string'))
    throw invalid('jobs above 1 with plugins passed as objects', 'plugins named as modules in the configuration');
  if (jobs > 1 && backend === 'current') throw invalid('jobs above 1 with backend "current"', 'a backend by name');
}
