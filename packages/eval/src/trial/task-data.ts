import { basename } from 'node:path';
import type { EncodedText } from '@tfjs-peft/peft-core';
import {
  createTaskRegistry,
  evaluateMetrics,
  type LabelledText,
  labelsOf,
  type LoadedTask,
  loadTask,
  type Split,
  type SplitOptions,
  splitRows,
  splitTask,
  taskFromFile,
  type TestSet,
} from '@tfjs-peft/glue-fewshot';
import { crossEntropy, type LogitsObjective, type ScoreFunction, squaredError } from '@tfjs-peft/train';
import type { DataConfig, ExperimentConfig } from '../config/experiment-config.js';
import type { Catalogue } from '../methods/plugins.js';
import { argmaxRows } from './softmax.js';
import type { SplitMetrics } from '../records/trial-summary.js';

/** A task as trials use it. */
export interface TaskData {
  readonly loaded: LoadedTask;
  /** Names of the logits' columns; one for a regression. */
  readonly labels: readonly string[];
  readonly regression: boolean;
  readonly objective: LogitsObjective;
  readonly score: ScoreFunction;
  readonly headlineMetric: string;
  /** Test sets after the cap, the headline's first; the same for every data seed. */
  readonly tests: readonly TestSet[];
  /** Train, dev and test rows of one data seed; the same seed gives the same rows. */
  split(dataSeed: number): TrialSplit;
  /** Metrics of logits `[rows, labels]`. */
  measure(logits: Float32Array, rows: readonly LabelledText[]): SplitMetrics;
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

/** Outputs for one test set. */
export interface TestOutput {
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
  { tasks }: Catalogue,
): Promise<TaskData> {
  const { data } = config;
  const loaded = await readTask(config, tasks);
  const { task } = loaded;
  const regression = task.output.kind === 'regression';
  const labels = task.output.kind === 'classes' ? task.output.labels : ['score'];
  const { headline } = config.metrics;
  const evaluateLogits = (logits: Float32Array, expected: readonly number[]) =>
    evaluateMetrics(task, regression ? logits : argmaxRows(logits, labels.length), expected, { headline });
  const splits = new Map(dataSeeds.map((seed) => [seed, cutSplit(loaded, data, seed)]));
  const split = (seed: number) => {
    const known = splits.get(seed) ?? cutSplit(loaded, data, seed);
    splits.set(seed, known);
    return known;
  };
  return {
    loaded,
    labels,
    regression,
    objective: regression ? squaredError() : crossEntropy(),
    score: (logits, expected) => {
      const result = evaluateLogits(logits, expected);
      return { headline: result.headline, metrics: { ...result.values } as Record<string, number> };
    },
    headlineMetric:
      headline === 'glue_mean' && task.metrics.length > 1 ? `mean of ${task.metrics.join(' and ')}` : task.headline,
    tests: split(dataSeeds[0] ?? 0).tests,
    split,
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
const tidy = (value: number) => Number(value.toPrecision(12));

/** Every test set through `predict`, with its metrics. */
export async function evaluateTests(
  data: TaskData,
  encode: (rows: readonly LabelledText[]) => EncodedText[],
  predict: (texts: EncodedText[], name: string) => Promise<{ readonly logits: Float32Array }>,
): Promise<TestOutput[]> {
  const outputs: TestOutput[] = [];
  for (const { name, rows } of data.tests) {
    const { logits } = await predict(encode(rows), name);
    outputs.push({ name, rows, logits, metrics: data.measure(logits, rows) });
  }
  return outputs;
}

async function readTask(
  { task, data }: Pick<ExperimentConfig, 'task' | 'data'>,
  tasks: Catalogue['tasks'],
): Promise<LoadedTask> {
  const emptyText = data.emptyText && { emptyText: data.emptyText };
  if (!data.file)
    return loadTask(tasks, task, { ...emptyText, ...(data.directory !== null && { dataDirectory: data.directory }) });
  const definition = await taskFromFile(data.file);
  return loadTask(createTaskRegistry([definition]), definition.name, { ...emptyText });
}

/** K labelled texts without a development set still come from the same permutation: a few rows after them are drawn and not used. */
const unusedDevRows = 50;

function cutSplit(
  loaded: LoadedTask,
  data: DataConfig,
  dataSeed: number,
): TrialSplit & { readonly tests: readonly TestSet[] } {
  const artefact = splitTask(loaded, splitOptions(loaded, data, dataSeed));
  const { train, dev, tests } = splitRows(loaded, artefact);
  return {
    train,
    dev: data.protocol === 'none' ? [] : dev,
    tests,
    artefact: { ...withProtocol(artefact, data), files: loaded.files.map((file) => basename(file)) },
    hash: artefact.textHash,
    warnings: artefact.notes,
  };
}

function withProtocol(artefact: Split, { protocol }: DataConfig): object {
  return {
    ...artefact,
    protocol,
    ...(protocol === 'none' && { devRows: [], labelCounts: { train: artefact.labelCounts.train } }),
  };
}

function splitOptions({ train }: LoadedTask, data: DataConfig, dataSeed: number): SplitOptions {
  const { shots: k, stratify, protocol } = data;
  const common = { k, dataSeed, stratify, ...(data.testCap !== null && { testCap: data.testCap }) };
  const own = {
    ...common,
    ...(data.devSize !== null && { devSize: data.devSize }),
    ...(data.devFraction !== null && { devFraction: data.devFraction }),
  };
  return protocol === 'none'
    ? { ...common, protocol: 'fixed', devSize: Math.max(2, Math.min(k, unusedDevRows, train.length - k)) }
    : { ...own, protocol };
}
