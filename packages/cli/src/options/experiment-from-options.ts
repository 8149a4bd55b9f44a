import type { ExperimentConfigInput } from '@tfjs-peft/eval';
import { isJsonObject, type Json, type JsonObject, PeftError } from '@tfjs-peft/peft-core';
import { applySettings, type KnownKeys } from './apply-settings.js';
import { parseDataSeeds, parseTrainSeeds } from './parse-seeds.js';

/** The options of `run` as the command line gives them. */
export interface RunOptions {
  readonly task?: string;
  readonly shots?: number;
  readonly data?: string;
  readonly textColumn?: string;
  readonly textPairColumn?: string;
  readonly labelColumn?: string;
  readonly testFile?: string;
  readonly regression?: boolean;
  readonly methods?: readonly string[];
  /** False for `--no-floors`. */
  readonly floors?: boolean;
  readonly seeds?: string;
  readonly seed?: number;
  readonly trainSeeds?: string;
  readonly model?: string;
  readonly revision?: string;
  readonly steps?: number;
  readonly protocol?: string;
  readonly testCap?: number;
  readonly set?: readonly string[];
}

export const floorNames: readonly string[] = ['majority', 'linear-probe'];
const defaultMethods: readonly string[] = ['prefix', 'prefix-subspace'];
const defaultSeedCount = '3';

/**
 * The experiment that options describe, on top of `base` (the content of `--config`): options win over the file, `--set` over both. Floors
 * are put in front. Checks what concerns options; the experiment itself is checked by `parseExperiment`. Errors: `USAGE`.
 */
export function experimentFromOptions(options: RunOptions, known: KnownKeys, base?: JsonObject): ExperimentConfigInput {
  refuseContradictions(options);
  const { methods, floors = true } = options;
  const start: JsonObject = base ?? { version: 1, methods: [...defaultMethods] };
  const data = dataOf(options);
  const train = defined({ steps: options.steps });
  const model = defined({ name: options.model, revision: options.revision });
  const seeds = seedsOf(options, base);
  const merged = {
    ...start,
    ...defined({ methods: methods && [...methods] }),
    ...taskOf(options),
    ...section('data', start, data),
    ...section('train', start, train),
    ...section('model', start, model),
    ...section('seeds', start, seeds),
  };
  const config = applySettings(merged, options.set ?? [], known);
  if (config.task === undefined)
    throw new PeftError('USAGE', {
      found: 'no task',
      expected: '--task with a known task or a labelled file, or --config',
      fix: 'try --task spam-subjects',
    });
  return (floors ? withFloors(config) : config) as unknown as ExperimentConfigInput;
}

/** Whether `--task` names a labelled file rather than a registered task. */
export const isTaskFile = (task: string): boolean => /\.(csv|tsv|txt|jsonl|ndjson|json|parquet)$/i.test(task);

const taskOf = ({ task }: RunOptions): JsonObject =>
  task === undefined ? {} : { task: isTaskFile(task) ? 'file' : task };

function dataOf(options: RunOptions): JsonObject {
  const { task, data, shots, protocol, testCap, textColumn, textPairColumn, labelColumn, testFile, regression } =
    options;
  const file =
    task !== undefined && isTaskFile(task)
      ? defined({ file: task, textColumn, textPairColumn, labelColumn, testFile, regression })
      : undefined;
  return defined({ directory: data, shots, protocol, testCap, file });
}

function seedsOf({ seeds, seed, trainSeeds }: RunOptions, base: JsonObject | undefined): JsonObject {
  // A file that says nothing about seeds keeps the schema's default; a bare command line gets three splits.
  const data = seed !== undefined ? [seed] : (seeds ?? (base ? undefined : defaultSeedCount));
  return defined({
    data: typeof data === 'string' ? parseDataSeeds(data) : data,
    train: trainSeeds === undefined ? undefined : parseTrainSeeds(trainSeeds),
  });
}

function withFloors(config: JsonObject): JsonObject {
  const methods = Array.isArray(config.methods) ? (config.methods as readonly Json[]) : undefined;
  if (!methods) return config;
  const names = methods.map((entry) => (isJsonObject(entry) ? (entry.preset ?? entry.name) : entry));
  return { ...config, methods: [...floorNames.filter((floor) => !names.includes(floor)), ...methods] };
}

function refuseContradictions(options: RunOptions): void {
  const { task, seed, seeds } = options;
  const refuse = (found: string, fix: string) => {
    throw new PeftError('USAGE', { found, fix });
  };
  if (seed !== undefined && seeds !== undefined) refuse('both --seed and --seeds', 'keep one of them');
  const ofFiles = {
    '--text-column': options.textColumn,
    '--text-pair-column': options.textPairColumn,
    '--label-column': options.labelColumn,
    '--test-file': options.testFile,
    '--regression': options.regression,
  };
  if (task === undefined || isTaskFile(task)) return;
  for (const [option, value] of Object.entries(ofFiles))
    if (value !== undefined)
      refuse(`${option} with the task "${task}"`, 'give a labelled file as --task, or leave the option out');
}

const section = (key: string, start: JsonObject, more: JsonObject): JsonObject =>
  Object.keys(more).length === 0
    ? {}
    : { [key]: { ...(isJsonObject(start[key]) ? (start[key] as JsonObject) : {}), ...more } };

const defined = (entries: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as JsonObject;
