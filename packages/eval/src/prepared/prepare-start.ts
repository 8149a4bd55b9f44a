import { rm } from 'node:fs/promises';
import {
  createStream,
  describeMethod,
  type Host,
  initialValues,
  isPeftError,
  type MethodDescription,
  type NamedArrays,
  PeftError,
  type PeftMethod,
  substream,
} from '@tfjs-peft/peft-core';
import type { BackendChoice } from '@tfjs-peft/backend';
import {
  adaptationEvaluator,
  type Episodes,
  episodeSource,
  fixedEpisodes,
  fomaml,
  type LabelledTexts,
  multitask,
  objectiveOfEpisodes,
  reptile,
} from '@tfjs-peft/meta';
import {
  parseTrainConfig,
  prepareMethod,
  train,
  type TrainConfigInput,
  type TrainEvent,
  type TrainingResult,
} from '@tfjs-peft/train';
import type { Tokenizer } from '@tfjs-peft/transformer';
import type { ModelConfig } from '../config/experiment-config.js';
import { completeMethod } from '../methods/complete-method.js';
import { type Catalogue, findPreset } from '../methods/plugins.js';
import { createFolderStore } from '../run-folder/folder-checkpoint-store.js';
import { lockFolder } from '../run-folder/folder-lock.js';
import { ensureWritableFolder } from '../run-folder/write-file-atomically.js';
import { openHost } from '../trial/open-host.js';
import { reportBackend } from '../trial/report-backend.js';
import { meanCurve } from './mean-curve.js';
import { preparedFiles, type PreparedRecord, readPreparedRecord, writePrepared } from './prepared-folder.js';
import { readTasks, type TaskColumns, type TaskSets } from './read-tasks.js';
import { splitMethod } from '../methods/split-method.js';
import { type Classes, type TaskLearning, taskLearning } from './task-parts.js';
import { isFolderOf, wholeModelName } from './whole-model-name.js';

/** How a start is prepared on the tasks of a folder. */
export interface PrepareOptions {
  /** One labelled file, or a folder with one, a task. */
  readonly tasks: string;
  /**
   * Names of tasks that only judge: nothing is learned from them, and they choose nothing. None: the start is judged on new episodes of the tasks that
   * it learned from. The update whose state is kept is chosen on other episodes of those tasks.
   */
  readonly heldOut: readonly string[];
  readonly columns: TaskColumns;
  /** Where prepared.json and start.safetensors go. */
  readonly output: string;
  /** Name of a preset. */
  readonly method: string;
  readonly rule: PreparedRecord['rule'];
  readonly model: ModelConfig;
  /** Texts of each class that an episode learns from, and that it judges by. */
  readonly shots: number;
  readonly queries: number;
  /** Classes of an episode; null: all of a task. */
  readonly ways: number | null;
  /** One head that is part of the start, for tasks with the same labels, instead of a new one a task. */
  readonly sharedHead: boolean;
  readonly inner: PreparedRecord['inner'];
  /** Updates, and episodes in each. */
  readonly updates: number;
  readonly episodes: number;
  /** Of the updates; the preset's if absent. Reptile takes plain descent at 1, which is the paper's rule with ε from 1 to 0. */
  readonly learningRate?: number;
  readonly seed: number;
  readonly maxTokens: number;
  readonly catalogue: Catalogue;
  readonly backend: BackendChoice | 'current';
  /** Is told what happens. */
  readonly onEvent?: (event: PrepareEvent) => void;
  readonly signal?: AbortSignal;
  /** Used instead of the host that `model` names; disposed at the end. */
  readonly host?: { readonly host: Host; readonly tokenizer: Tokenizer };
}

/** What a preparation says while it goes on. */
export type PrepareEvent = TrainEvent | { readonly type: 'phase'; readonly text: string };

const curvePoints = [0, 1, 3, 5, 10];
const episodesPerTask = 2;
const updatesBetweenCheckpoints = 10;

/**
 * Prepares a start from which a few steps on a few texts learn a new task, and writes it into a folder. Interrupted, it goes on from its checkpoint when
 * it is called again. Errors: those of the tasks, `METHOD_UNFIT`, `LABELS_MISMATCH` for a shared head over other labels or over drawn classes, `OUTPUT_NOT_EMPTY` for a folder
 * with a start in it, `INTERRUPTED`, `CHECKPOINT_OF_ANOTHER_RUN`, and those of training.
 */
export async function prepareStart(options: PrepareOptions): Promise<PreparedRecord> {
  const { output, catalogue, onEvent } = options;
  const preset = findPreset(catalogue, options.method);
  if (options.sharedHead && options.ways !== null)
    throw new PeftError('LABELS_MISMATCH', {
      found: `episodes of ${options.ways} classes that are drawn anew, for one head that all tasks share`,
      expected: 'all classes in every episode, in the order of the head',
      fix: 'leave out ways (--ways), or give each task a head of its own (no --shared-head)',
    });
  if (!preset.method || (preset.recipe ?? 'supervised') !== 'supervised')
    throw new PeftError('METHOD_UNFIT', {
      found: `method "${preset.name}", ${preset.method ? `which is trained by the recipe "${preset.recipe}"` : 'which trains nothing'}`,
      expected: 'a method that is trained by the loss of its task',
      fix: 'take lora, tarp, prefix or another such method',
    });
  await ensureWritableFolder(output);
  const unlock = await lockFolder(output);
  try {
    if (await readPreparedRecord(output))
      throw new PeftError('OUTPUT_NOT_EMPTY', {
        found: `"${output}" holds a start that is prepared`,
        expected: 'a new folder, or that of a preparation that was interrupted',
        fix: 'name another folder, or delete this one',
      });
    await reportBackend(options.backend);
    onEvent?.({ type: 'phase', text: `loading host ${options.model.name}` });
    const opened = await openHost(options.model, options.host);
    const { host, tokenizer, readout } = opened;
    try {
      const maxTokens = Math.min(options.maxTokens, host.spec.maxPositionEmbeddings);
      onEvent?.({ type: 'phase', text: `reading the tasks in ${options.tasks}` });
      const sets = await readTasks(options.tasks, options.heldOut, options.columns, { tokenizer, maxTokens });
      // Drawn first: a task that is too small to judge by is refused before anything is trained.
      const judged = judges(options, sets);
      const { registry } = catalogue;
      const complete = (method: MethodDescription, labels: readonly string[]) =>
        registry.build(completeMethod(method, registry, labels, readout));
      const labels = options.sharedHead ? sharedLabels([...sets.seen, ...sets.heldOut]) : null;
      const split = labels ? null : splitMethod(preset.name, preset.method, registry);
      const method = labels ? complete(preset.method, labels) : registry.build(split!.body);
      const ownPart =
        split && (({ labels: own = [] }: { readonly labels?: readonly string[] }) => complete(split.head, own));
      const learning = taskLearning(method, options.inner, ownPart ?? undefined);
      const result = await runPreparation(options, host, method, learning, sets, preset.train ?? {}).catch(
        (error: unknown) => {
          throw split && isPeftError(error) && error.code === 'LOGITS_MISSING' ? needsHead(preset.name, error) : error;
        },
      );
      onEvent?.({ type: 'phase', text: 'comparing with the start that was not prepared' });
      const record = await writePrepared(
        output,
        {
          method: describeMethod(result.method),
          head: split?.head ?? null,
          labels: labels && [...labels],
          model: wholeModelName(options.model, isFolderOf(options.model, opened)),
          host: { name: host.spec.name, fingerprint: host.spec.fingerprint },
          tokenizerDigest: tokenizer.digest,
          maxTokens,
          rule: options.rule,
          inner: options.inner,
          shots: options.shots,
          tasks: { seen: sets.seen.map(({ name }) => name), heldOut: sets.heldOut.map(({ name }) => name) },
          updates: result.steps,
          bestUpdate: result.bestStep,
          curve: await compareStarts(options, host, { method, result, learning, sets, judged }),
        },
        result.raw,
      );
      await rm(preparedFiles(output).checkpoint, { recursive: true, force: true });
      return record;
    } finally {
      host.dispose();
    }
  } finally {
    unlock();
  }
}

const needsHead = (name: string, cause: unknown) =>
  new PeftError('METHOD_UNFIT', {
    found: `method "${name}", which chooses what it trains by the loss of a head`,
    expected: 'a head that is there before the tasks are',
    fix: 'share one head between tasks with the same labels (--shared-head), or take another method',
    cause,
  });

/** Errors: `LABELS_MISMATCH`. */
function sharedLabels(tasks: readonly LabelledTexts[]): readonly string[] {
  const [first] = tasks;
  const other = tasks.find(({ labels }) => labels.join('\n') !== first!.labels.join('\n'));
  if (!other) return first!.labels;
  throw new PeftError('LABELS_MISMATCH', {
    found: `labels ${other.labels.slice(0, 5).join(', ')} in task "${other.name}" and ${first!.labels.slice(0, 5).join(', ')} in "${first!.name}"`,
    expected: 'the same labels in all tasks that share one head',
    fix: 'rename labels, or leave every task a head of its own',
  });
}

const episodesOf = ({ shots, queries, ways }: PrepareOptions, tasks: readonly LabelledTexts[], seed: number) =>
  fixedEpisodes(tasks, { shots, queries, ways }, { perTask: episodesPerTask, seed });

/** Fixed episodes that a start is judged by in the end. */
const judges = (options: PrepareOptions, { seen, heldOut }: TaskSets): Episodes<Classes> =>
  episodesOf(options, heldOut.length > 0 ? heldOut : seen, options.seed);

/** Fixed episodes that choose the update whose state is kept: never those that judge it. */
const choosers = (options: PrepareOptions, { seen }: TaskSets): Episodes<Classes> =>
  episodesOf(options, seen, options.seed + 1);

const sourceOf = ({ shots, queries, ways }: PrepareOptions, { seen }: TaskSets) =>
  episodeSource(seen, { shots, queries, ways });

function runPreparation(
  options: PrepareOptions,
  host: Host,
  method: PeftMethod,
  learning: TaskLearning,
  sets: TaskSets,
  usual: TrainConfigInput,
): Promise<TrainingResult> {
  const { inner, updates, episodes, seed, onEvent, signal } = options;
  const rules = { fomaml, reptile, multitask };
  const setting = { ...learning, steps: inner.steps };
  // Reptile has an optimiser of its own; what is validated is how fast a task is learned.
  const { validation: _validation, selections: _selections, ...outer } = options.rule === 'reptile' ? {} : usual;
  return train({
    host,
    method,
    source: sourceOf(options, sets),
    objective: objectiveOfEpisodes(learning.objective),
    rule: rules[options.rule](setting),
    evaluator: adaptationEvaluator({
      ...learning,
      episodes: choosers(options, sets),
      at: [...new Set([0, inner.steps])],
      seed,
    }),
    config: parseTrainConfig({
      ...outer,
      learningRate: options.learningRate ?? (options.rule === 'reptile' ? 1 : (usual.learningRate ?? 1e-3)),
      ...(options.rule === 'reptile' && { optimiser: 'sgd' as const, clipNorm: null, warmupRatio: 0 }),
      steps: updates,
      batchSize: episodes,
      patience: null,
      evaluateEvery: { epochs: 0, minSteps: Math.max(1, Math.ceil(updates / 5)) },
      checkpointEvery: updatesBetweenCheckpoints,
    }),
    seed,
    store: createFolderStore(preparedFiles(options.output).checkpoint),
    ...(onEvent && { onEvent }),
    ...(signal && { signal }),
  });
}

interface Comparison {
  /** Before it was prepared. */
  readonly method: PeftMethod;
  readonly result: TrainingResult;
  readonly learning: TaskLearning;
  readonly sets: TaskSets;
  /** Episodes to judge by. */
  readonly judged: Episodes<Classes>;
}

/** The prepared start beside the same method at its initial values, on the same episodes. Errors: `INTERRUPTED`. */
async function compareStarts(
  options: PrepareOptions,
  host: Host,
  { method, result, learning, sets, judged }: Comparison,
): Promise<PreparedRecord['curve']> {
  const { seed, signal, episodes: batchSize } = options;
  const stream = substream(createStream(seed), 'initial-values');
  const objective = objectiveOfEpisodes(learning.objective);
  const fresh = await prepareMethod(method, { host, source: sourceOf(options, sets), objective, batchSize, stream });
  const curveOf = (of: PeftMethod, values: NamedArrays) =>
    meanCurve({
      ...{ host, method: of, values, learning, at: curvePoints, seed, signal },
      episodes: judged,
    }).catch((error: unknown) => {
      if (!isPeftError(error) || error.code !== 'PREDICTION_ABORTED') throw error;
      throw new PeftError('INTERRUPTED', {
        found: 'stopped after the last update, while the start was judged',
        fix: 'start the same preparation again to go on from there',
      });
    });
  const prepared = await curveOf(result.method, result.raw);
  const unprepared = await curveOf(fresh, initialValues(fresh.plan(host.spec), stream));
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return prepared.map(({ steps, loss, accuracy }, index) => ({
    steps,
    loss: finite(loss),
    accuracy: finite(accuracy),
    unpreparedLoss: finite(unprepared[index]!.loss),
    unpreparedAccuracy: finite(unprepared[index]!.accuracy),
  }));
}
