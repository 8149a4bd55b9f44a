import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import type { BackendChoice } from '@tfjs-peft/backend';
import { PeftError } from '@tfjs-peft/peft-core';
import type { ExperimentConfig, ExperimentConfigInput } from '../config/experiment-config.js';
import { parseExperiment } from '../config/experiment-config.js';
import { resolveExperiment } from '../config/resolve-experiment.js';
import { loadGivenPlugins, nameFromFolder } from '../methods/load-plugins.js';
import { type Catalogue, createCatalogue, type EvalPlugin } from '../methods/plugins.js';
import { nameMissingPlugins } from '../records/recorded-plugins.js';
import { lockFolder } from '../run-folder/folder-lock.js';
import { ensureWritableFolder } from '../run-folder/write-file-atomically.js';
import { type OnExperimentEvent, referTo } from '../records/experiment-event.js';
import { claimExperimentFolder, type ExperimentResult, writeResults } from '../records/experiment-folder.js';
import { withAbsoluteData } from './absolute-data.js';
import { createLocalRunner } from './local-runner.js';
import { createProcessRunners, type ProcessSetup } from './process-runner.js';
import { executeTrials } from './execute-trials.js';
import type { PlannedTrial } from './run-trials.js';

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
  /** Seconds that one trial may take; one that takes longer counts as failed. Trials run in child processes then. */
  readonly timeLimit?: number;
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
  const {
    onEvent = () => {},
    signal,
    jobs = 1,
    backend = 'auto',
    resume = false,
    hangLimit = 600,
    timeLimit,
  } = options;
  const folder = resolve(options.folder);
  const directory = resolve(options.directory ?? '.');
  checkJobs(options);
  const parsed = parseExperiment(input);
  const placed = withAbsoluteData(input);
  const { modules, plugins } = await loadGivenPlugins(options.plugins ?? [], { names: parsed.plugins, directory });
  const catalogue = createCatalogue(plugins);
  const recorded = modules.map((module) => nameFromFolder(module, folder));
  const { config, trials } = await resolveOrName({ ...placed, plugins: recorded }, catalogue, folder);
  const planned = trials.map((trial, index): PlannedTrial => {
    const reference = referTo(trial, index);
    return { trial, reference, folder: join(folder, 'trials', reference.folder) };
  });
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
      timeLimit,
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

interface PlannedRun extends Omit<ProcessSetup, 'backend' | 'config'> {
  readonly config: ExperimentConfig;
  readonly planned: readonly PlannedTrial[];
  readonly catalogue: Catalogue;
  readonly jobs: number;
  readonly backend: BackendChoice | 'current';
}

/** The part of {@link runExperiment} that writes. */
async function runPlanned({ planned, catalogue, jobs, backend, ...setup }: PlannedRun): Promise<ExperimentResult> {
  const { config, folder, timeLimit } = setup;
  await claimExperimentFolder(folder, config);
  const openRunners = async (most: number) =>
    jobs > 1 || timeLimit !== undefined
      ? createProcessRunners({ ...setup, backend: backend as BackendChoice }, Math.min(jobs, most))
      : [await createLocalRunner({ ...setup, backend, catalogue })];
  const summaries = await executeTrials(planned, { ...setup, catalogue, openRunners });
  return writeResults(
    folder,
    config,
    planned.map((one) => summaries.get(one.folder)!),
  );
}

/** Trials in child processes: their backend and their plugins must have names. Errors: `JOBS_INVALID`. */
export function checkJobs({
  jobs = 1,
  plugins = [],
  backend,
  timeLimit,
}: Pick<RunExperimentOptions, 'jobs' | 'plugins' | 'backend' | 'timeLimit'>): void {
  const invalid = (found: string, expected: string) => new PeftError('JOBS_INVALID', { found, expected });
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 256)
    throw invalid(`jobs ${jobs}`, `a whole number from 1; this machine has ${cpus().length} processors`);
  if (jobs === 1 && timeLimit === undefined) return;
  const what = timeLimit === undefined ? 'jobs above 1' : 'a time limit';
  if (plugins.some((plugin) => typeof plugin !== 'string'))
    throw invalid(`${what} with plugins passed as objects`, 'plugins named as modules in the configuration');
  if (backend === 'current') throw invalid(`${what} with backend "current"`, 'a backend by name');
}
