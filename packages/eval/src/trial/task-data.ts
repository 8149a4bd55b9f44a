import { averageDraws } from './average-draws.js';
import { basename } from 'node:path';
import { type EncodedText, PeftError } from '@tfjs-peft/peft-core';
import {
  checkTemplate,
  createTaskRegistry,
  evaluateMetrics,
  type LabelledText,
  labelsOf,
  type LoadedTask,
  loadTask,
  type SplitOptions,
  splitRows,
  splitTask,
  type TaskDefinition,
  taskFromFile,
  type TestSet,
} from '@tfjs-peft/glue-fewshot';
import { crossEntropy, type LogitsObjective, type ScoreFunction, squaredError } from '@tfjs-peft/train';
import type { DataConfig, ExperimentConfig } from '../config/experiment-config.js';
import type { Catalogue } from '../methods/plugins.js';
import { argmaxRows } from './softmax.js';
import type { SplitMetrics } from '../records/trial-summary.js';
import { hashData } from './hash-data.js';

/** All rows of a task. */
export interface TaskRows {
  readonly loaded: LoadedTask;
  /** SHA-256 of all of them, whatever the split. */
  readonly dataHash: string;
}

/** What trials need of a task, whatever its answers are. */
interface AnyTaskData extends TaskRows {
  readonly headlineMetric: string;
  /** Test sets after the cap, the headline's first; the same for every data seed. */
  readonly tests: readonly TestSet[];
  /** Train, dev and test rows of one data seed; the same seed gives the same rows. */
  split(dataSeed: number): TrialSplit;
}

/** A task of labels or scores. */
export interface LabelTaskData extends AnyTaskData {
  readonly kind: 'labels';
  /** Names of the logits' columns; one for a regression. */
  readonly labels: readonly string[];
  readonly regression: boolean;
  readonly objective: LogitsObjective;
  readonly score: ScoreFunction;
  /** Metrics of logits `[rows, labels]`. */
  measure(logits: Float32Array, rows: readonly LabelledText[]): SplitMetrics;
}

/** A task whose answers are texts. */
export interface TextTaskData extends AnyTaskData {
  readonly kind: 'texts';
  /** Makes a prompt of a row. */
  readonly template: string;
  readonly stop: readonly string[];
}

/** A task as trials use it. */
export type TaskData = LabelTaskData | TextTaskData;

/** Errors: `TASK_UNFIT` for a task of texts, which `what` cannot use. */
export function requireLabels(data: TaskData, what: string): LabelTaskData {
  if (data.kind === 'labels') return data;
  throw new PeftError('TASK_UNFIT', {
    found: `${what} for task ${data.loaded.task.name}, whose answers are texts`,
    expected: 'a task of labels or scores',
    fix: 'name another task; tasks of texts are trained with `supervised` and compared with the floor zero-shot',
  });
}

/** One few-shot split. */
export interface TrialSplit {
  readonly train: readonly LabelledText[];
  /** Empty where the protocol has no development set. */
  readonly dev: readonly LabelledText[];
  /** Content of split.json. */
  readonly artefact: object;
  /** SHA-256 over texts and labels of all rows, test rows included. */
  readonly hash: string;
  readonly warnings: readonly string[];
}

/** Logits for one test set. */
export interface TestLogits {
  readonly name: string;
  readonly rows: readonly LabelledText[];
  /** `[rows, labels]` */
  readonly logits: Float32Array;
  readonly metrics: SplitMetrics;
}

/**
 * Reads the task of an experiment. Errors: those of `loadTask` and `taskFromFile` (`UNKNOWN_TASK`, `TASK_...`), and of the first split
 * (`SPLIT_TOO_LARGE` and others).
 */
export async function openTaskData(
  config: Pick<ExperimentConfig, 'task' | 'data' | 'metrics'>,
  dataSeeds: readonly number[],
  catalogue: Catalogue,
): Promise<TaskData> {
  const { data } = config;
  const rows = await readTaskRows(config, catalogue);
  const { loaded } = rows;
  const { task } = loaded;
  const splits = new Map(dataSeeds.map((seed) => [seed, cutSplit(loaded, data, seed)]));
  const split = (seed: number) => {
    const known = splits.get(seed) ?? cutSplit(loaded, data, seed);
    splits.set(seed, known);
    return known;
  };
  const common = { ...rows, tests: split(dataSeeds[0] ?? 0).tests, split };
  const { output } = task;
  if (output.kind === 'text') {
    const template = data.promptTemplate ?? output.template;
    checkTemplate(template, task.fields);
    return { ...common, kind: 'texts', headlineMetric: task.headline, template, stop: output.stop ?? [] };
  }
  if (data.promptTemplate !== undefined)
    throw new PeftError('TASK_UNFIT', {
      found: `a promptTemplate for task ${task.name}, whose answers are labels`,
      expected: 'a task of texts',
      fix: 'leave it out; prompts for label words are made with --prompt (model.prompt)',
    });
  const regression = output.kind === 'regression';
  const labels = output.kind === 'classes' ? output.labels : ['score'];
  const { headline } = config.metrics;
  const headlineMetric =
    headline === 'glue_mean' && task.metrics.length > 1 ? `mean of ${task.metrics.join(' and ')}` : task.headline;
  const evaluateLogits = (logits: Float32Array, expected: readonly number[]) =>
    evaluateMetrics(task, regression ? logits : argmaxRows(logits, labels.length), expected, { headline });
  return {
    ...common,
    kind: 'labels',
    labels,
    regression,
    objective: regression ? squaredError() : crossEntropy(),
    score: (logits, expected) => {
      const result = evaluateLogits(logits, expected);
      // A mean of metrics is one more: of a pass that is only logged beside others, metrics are all that is kept.
      return { headline: result.headline, metrics: { ...result.values, [headlineMetric]: result.headline } };
    },
    headlineMetric,
    measure(logits, rows) {
      const result = evaluateLogits(logits, labelsOf(rows));
      return {
        headline: tidy(result.headline),
        metrics: Object.fromEntries(Object.entries(result.values).map(([name, value]) => [name, tidy(value)])),
        undefined: result.undefinedCount,
        rows: rows.length,
      };
    },
  };
}

/** 100 · 0.58 is 57.99999999999999 in binary. */
export const tidy = (value: number) => Number(value.toPrecision(12));

/** How texts are encoded, and over how many draws of demonstrations predictions are averaged. */
interface TestTexts {
  readonly encode: (rows: readonly LabelledText[], draw: number) => EncodedText[];
  readonly draws: number;
}

/** Every test set through `predict`, with its metrics. */
export async function testLabels(
  data: LabelTaskData,
  { encode, draws }: TestTexts,
  predict: (texts: EncodedText[], name: string) => Promise<{ readonly logits: Float32Array }>,
): Promise<TestLogits[]> {
  const outputs: TestLogits[] = [];
  for (const { name, rows } of data.tests) {
    const drawn: Float32Array[] = [];
    for (let draw = 0; draw < draws; draw++) drawn.push((await predict(encode(rows, draw), name)).logits);
    const logits = averageDraws(drawn, data.labels.length, data.regression);
    outputs.push({ name, rows, logits, metrics: data.measure(logits, rows) });
  }
  return outputs;
}

/** Reads the rows of a task and splits nothing. Errors: those of `loadTask` and `taskFromFile`. */
export async function readTaskRows(
  config: Pick<ExperimentConfig, 'task' | 'data'>,
  { tasks }: Catalogue,
): Promise<TaskRows> {
  const loaded = await readTask(config, tasks);
  return { loaded, dataHash: hashData(loaded) };
}

/** SHA-256 over texts and labels of the rows of a split. Errors: those of the split. */
export const hashSplit = (loaded: LoadedTask, data: DataConfig, dataSeed: number): string =>
  cutSplit(loaded, data, dataSeed).hash;

async function readTask(
  { task, data }: Pick<ExperimentConfig, 'task' | 'data'>,
  tasks: Catalogue['tasks'],
): Promise<LoadedTask> {
  const { emptyText, group, promptTemplate } = data;
  if (data.file) {
    const definition = await taskFromFile({ ...data.file, ...(promptTemplate !== undefined && { promptTemplate }) });
    requireGroups(definition, group);
    return loadTask(createTaskRegistry([definition]), definition.name, { ...(emptyText && { emptyText }) });
  }
  requireGroups(tasks.get(task), group);
  return loadTask(tasks, task, {
    ...(emptyText && { emptyText }),
    ...(group !== undefined && { group }),
    ...(data.directory !== null && { dataDirectory: data.directory }),
  });
}

/** Errors: `TASK_GROUP_UNKNOWN`. */
function requireGroups({ name, groups }: TaskDefinition, group: string | undefined): void {
  if (group === undefined || groups !== undefined) return;
  throw new PeftError('TASK_GROUP_UNKNOWN', {
    found: `group "${group}" of task ${name}`,
    expected: 'no group: the rows of this task have none',
    fix: 'leave the group out',
  });
}

function cutSplit(
  loaded: LoadedTask,
  data: DataConfig,
  dataSeed: number,
): TrialSplit & { readonly tests: readonly TestSet[] } {
  const artefact = splitTask(loaded, splitOptions(data, dataSeed));
  const { train, dev, tests } = splitRows(loaded, artefact);
  return {
    train,
    dev,
    tests,
    artefact: { ...artefact, files: loaded.files.map((file) => basename(file)) },
    hash: artefact.textHash,
    warnings: artefact.notes,
  };
}

function splitOptions(data: DataConfig, dataSeed: number): SplitOptions {
  const { shots: k, stratify, protocol, devSize, devFraction, testCap } = data;
  return {
    ...{ k, dataSeed, stratify, protocol },
    ...(testCap !== null && { testCap }),
    ...(devSize !== null && { devSize }),
    ...(devFraction !== null && { devFraction }),
  };
}
