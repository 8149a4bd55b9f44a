import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import type { ValidationConfig } from '@tfjs-peft/train';
import { shorten } from '@tfjs-peft/peft-core/authoring';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { hashTrial, type TrialConfig, trialFolderName, trialId } from '../config/trial-config.js';
import { type OnExperimentEvent, referTo, type TrialReference } from '../records/experiment-event.js';
import { describeEnvironment } from '../run-folder/describe-environment.js';
import { lockFolder } from '../run-folder/folder-lock.js';
import { silenceSeconds } from '../run-folder/heartbeat.js';
import { requireSameData } from '../records/same-data.js';
import { readTimings } from '../records/timings.js';
import { inspectTrialFolder, refuseUnfinished, trialFiles, writeTrialConfig } from '../records/trial-folder.js';
import { writeStoredJson } from '../run-folder/stored-json.js';
import { ensureWritableFolder, writeFileAtomically } from '../run-folder/write-file-atomically.js';
import { runFloor } from './run-floor.js';
import type { Session } from './session.js';
import { trainTrial } from './train-trial.js';
import type { TrialContext } from './trial-context.js';
import type { RecordProvenance } from '../records/trial-records.js';
import type { TrialSummary } from '../records/trial-summary.js';
import { trialSummary } from '../records/trial-summary-schema.js';

/** Where a trial runs, with which host and data, and who is told. */
export interface RunTrialOptions {
  /** Folder of this trial. */
  readonly folder: string;
  readonly session: Session;
  readonly onEvent?: OnExperimentEvent;
  readonly signal?: AbortSignal;
  /** Continues an unfinished trial from its checkpoint; without it an unfinished folder is an error. */
  readonly resume?: boolean;
  /** How events name the trial; made from its configuration if absent. */
  readonly reference?: TrialReference;
}

/**
 * Runs one trial in its folder: configuration, split, training with checkpoints, test, adapter, and at the very end `summary.json`, whose
 * presence says that the trial is finished. A finished trial is not run again.
 *
 * Errors: `OUTPUT_UNWRITABLE`, `DISK_FULL`, `FOLDER_IN_USE`, `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`, `RUN_UNFINISHED`, `INTERRUPTED`, and those of
 * the split, the method and training.
 */
export async function runTrial(trial: TrialConfig, options: RunTrialOptions): Promise<TrialSummary> {
  const { folder, signal } = options;
  if (signal?.aborted) throw interrupted(folder);
  await ensureWritableFolder(folder);
  // The process of a run that was killed may still be ending, or its machine be gone.
  const release = await lockFolder(folder, { patience: silenceSeconds + 10 });
  try {
    return await runLocked(trial, options);
  } finally {
    release();
  }
}

async function runLocked(trial: TrialConfig, options: RunTrialOptions): Promise<TrialSummary> {
  const { folder, onEvent = () => {}, signal } = options;
  const session = options.session.ofSplit(trial.seed.data);
  const reference = options.reference ?? referTo(trial, 0);
  const state = await inspectTrialFolder(folder, trial);
  const split = session.data.split(trial.seed.data);
  if (state.kind === 'finished') {
    requireSameData(folder, state.summary, {
      dataSeed: trial.seed.data,
      splitHash: split.hash,
      dataHash: session.data.dataHash,
      hostFingerprint: session.host.spec.fingerprint,
    });
    return state.summary;
  }
  if (state.kind === 'unfinished' && !options.resume) refuseUnfinished(folder);

  const files = trialFiles(folder);
  const earlier = (await readTimings(files.timings)).at(-1)?.seconds ?? 0;
  const started = performance.now();
  await writeTrialConfig(folder, trial);
  await writeFileAtomically(files.split, listsInOneLine(toText(split.artefact)));
  const environment = await describeEnvironment(session.backend);
  await writeFileAtomically(files.environment, toText(environment));
  const warnings = [...split.warnings];
  const context: TrialContext = {
    trial,
    folder,
    session,
    split,
    signal,
    provenance: provenanceOf(trial, session, split.hash, environment),
    phase: (text) => onEvent({ type: 'phase', trial: reference, text }),
    progress: (what) => (progress) => onEvent({ type: 'progress', trial: reference, what, ...progress }),
    warn: (text) => {
      warnings.push(text);
      onEvent({ type: 'warning', trial: reference, text });
    },
    onTrain: (event) => onEvent({ type: 'train', trial: reference, event }),
    seconds: () => earlier + (performance.now() - started) / 1000,
  };
  const outcome = await learn(context).catch((error: unknown) => {
    throw toInterruption(error, folder, signal);
  });
  const summary: TrialSummary = {
    ...identify(trial, session),
    status: 'done',
    ...outcome,
    seconds: context.seconds(),
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    splitHash: split.hash,
    dataHash: session.data.dataHash,
    warnings: warnings.map((text) => shorten(text)),
  };
  await writeStoredJson(files.summary, trialSummary, summary);
  return summary;
}

const learn = (context: TrialContext) =>
  context.trial.method.kind === 'floor' ? runFloor(context, context.trial.method.floor) : trainTrial(context);

const toText = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** Row numbers side by side instead of one a line. */
const listsInOneLine = (json: string) => json.replace(/\[[\d,\s]*\]/g, (list) => list.replace(/\s+/g, ''));

function provenanceOf(
  trial: TrialConfig,
  session: Session,
  splitHash: string,
  environment: JsonObject,
): RecordProvenance {
  const { id, method, dataSeed, trainSeed, task, headlineMetric, configHash, hostFingerprint } = identify(
    trial,
    session,
  );
  const { data } = session;
  const { labels, regression } = data.kind === 'labels' ? data : { labels: [], regression: false };
  const all: Readonly<Record<string, ValidationConfig>> = trial.train
    ? { '': trial.train.validation, ...trial.train.selections }
    : {};
  const rules = Object.fromEntries(Object.entries(all).map(([rule, { mode, draws }]) => [rule, { mode, draws }]));
  return {
    version: 1,
    trial: id,
    ...{ configHash, splitHash, hostFingerprint, task, method, dataSeed, trainSeed },
    dataHash: data.dataHash,
    ...{ labels, regression, headlineMetric, rules, environment },
  };
}

type Identity = Pick<
  TrialSummary,
  | 'id'
  | 'method'
  | 'kind'
  | 'dataSeed'
  | 'trainSeed'
  | 'task'
  | 'shots'
  | 'headlineSplit'
  | 'headlineMetric'
  | 'configHash'
  | 'hostFingerprint'
  | 'backend'
  | 'subset'
  | 'folder'
>;

function identify(trial: TrialConfig, { data, host, backend }: Session): Identity {
  return {
    id: trialId(trial),
    method: trial.method.name,
    kind: trial.method.kind,
    dataSeed: trial.seed.data,
    trainSeed: trial.seed.train,
    task: data.loaded.task.name,
    shots: trial.data.shots,
    headlineSplit: data.tests[0]!.name,
    headlineMetric: data.headlineMetric,
    configHash: hashTrial(trial),
    hostFingerprint: host.spec.fingerprint,
    backend: String(backend.backend),
    subset: data.loaded.subset,
    folder: `trials/${trialFolderName(trial)}`,
  };
}

/** The summary of a trial that failed; kept in its folder, so that a later look knows why. */
export async function writeFailure(
  trial: TrialConfig,
  folder: string,
  error: { readonly code: string; readonly message: string; readonly stack?: string },
): Promise<TrialSummary> {
  const summary: TrialSummary = {
    id: trialId(trial),
    method: trial.method.name,
    kind: trial.method.kind,
    dataSeed: trial.seed.data,
    trainSeed: trial.seed.train,
    task: trial.task,
    shots: trial.data.shots,
    status: 'failed',
    error,
    test: {},
    headlineSplit: '',
    headlineMetric: '',
    steps: 0,
    stoppedEarly: false,
    trainableParameters: 0,
    effectiveParameters: 0,
    trainSeconds: 0,
    seconds: 0,
    secondsPerStep: 0,
    fileBytes: 0,
    peakMemoryBytes: 0,
    splitHash: '',
    configHash: hashTrial(trial),
    hostFingerprint: '',
    backend: '',
    subset: false,
    folder: `trials/${trialFolderName(trial)}`,
    warnings: [],
  };
  await writeStoredJson(trialFiles(folder).summary, trialSummary, summary);
  return summary;
}

/** Stopped on request, wherever the trial was: one code for all. */
function toInterruption(error: unknown, folder: string, signal?: AbortSignal): unknown {
  const codes = ['INTERRUPTED', 'PREDICTION_ABORTED', 'ABORTED'];
  const aborted = isPeftError(error) ? codes.includes(error.code) : signal?.aborted && isAbort(error);
  return aborted ? interrupted(folder, error) : error;
}

const interrupted = (folder: string, cause?: unknown) =>
  new PeftError('INTERRUPTED', {
    found: `stopped on request at "${folder}"; its last checkpoint and all finished trials are kept`,
    fix: 'run the same again with --resume',
    cause,
  });

const isAbort = (error: unknown) => error instanceof Error && error.name === 'AbortError';
