import type { ExperimentConfigInput } from '@tfjs-peft/eval';
import { createCatalogue, usualFloors } from '@tfjs-peft/eval/methods';
import { PeftError } from '@tfjs-peft/peft-core';
import { isJsonObject, type Json, type JsonObject } from '@tfjs-peft/peft-core/files';
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
  readonly maxLabels?: number;
  readonly emptyText?: string;
  readonly group?: string;
  readonly promptTemplate?: string;
  readonly columnNames?: readonly string[];
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly quotedTsv?: boolean;
  readonly methods?: readonly string[];
  /** False for `--no-floors`. */
  readonly floors?: boolean;
  readonly seeds?: string;
  readonly seed?: number;
  readonly trainSeeds?: string;
  readonly model?: string;
  readonly revision?: string;
  readonly prompt?: boolean;
  readonly demonstrations?: 'random' | 'similar';
  readonly template?: string;
  readonly words?: readonly string[];
  readonly mlm?: string;
  readonly steps?: number;
  readonly protocol?: string;
  readonly testCap?: number;
  readonly set?: readonly string[];
}

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
  const data = dataOf(options, base);
  const train = defined({ steps: options.steps });
  const model = defined({ name: options.model, revision: options.revision, prompt: promptOf(options) });
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
  requireColumns(config);
  return (floors ? withFloors(config) : config) as unknown as ExperimentConfigInput;
}

/** Whether `--task` names a labelled file rather than a registered task. */
const isTaskFile = (task: string): boolean => /\.(csv|tsv|txt|jsonl|ndjson|json|parquet)$/i.test(task);

const taskOf = ({ task }: RunOptions): JsonObject =>
  task === undefined ? {} : { task: isTaskFile(task) ? 'file' : task };

function dataOf(options: RunOptions, base: JsonObject | undefined): JsonObject {
  const { task, data, shots, protocol, testCap, emptyText, group, promptTemplate } = options;
  return defined({
    directory: data,
    shots,
    protocol,
    testCap,
    emptyText,
    group,
    promptTemplate,
    file: fileOf(task, fileOptions(options), base),
  });
}

/** The labelled file of `--task`, or that of the configuration with what the options change. Errors: `USAGE` where there is neither. */
function fileOf(task: string | undefined, changes: JsonObject, base: JsonObject | undefined): JsonObject | undefined {
  if (task !== undefined) return isTaskFile(task) ? { file: task, ...changes } : undefined;
  const [first] = Object.keys(changes);
  if (first === undefined) return undefined;
  const data = base?.data;
  const known = isJsonObject(data) ? data.file : undefined;
  if (isJsonObject(known)) return { ...known, ...changes };
  throw new PeftError('USAGE', {
    found: `${optionOf(first)} without a labelled file`,
    fix: 'give the file as --task, or leave the option out',
  });
}

/** How texts become prompts, if any option says that they do. Errors: `USAGE`. */
function promptOf({ prompt, template, words, mlm, demonstrations }: RunOptions): JsonObject | undefined {
  if ((template === undefined) !== (words === undefined))
    throw new PeftError('USAGE', {
      found: 'one of --template and --words',
      expected: 'both, or neither',
      fix: 'give the words in the order of the labels, or leave the template out',
    });
  const given = defined({
    template,
    words: words && [...words],
    mlm,
    demonstrations: demonstrations && { choose: demonstrations },
  });
  return prompt || Object.keys(given).length > 0 ? given : undefined;
}

/** What options say about a labelled file, by the keys of `data.file`. */
function fileOptions(options: RunOptions): JsonObject {
  const { textColumn, textPairColumn, labelColumn, testFile, regression } = options;
  const { maxLabels, columnNames, delimiter, encoding, quotedTsv } = options;
  return defined({
    textColumn,
    textPairColumn,
    labelColumn,
    testFile,
    regression,
    maxLabels,
    columnNames: columnNames && [...columnNames],
    delimiter,
    encoding,
    quotedTsv,
  });
}

/** `--text-column` of `textColumn`. */
const optionOf = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The schema would only say that a string was expected. Errors: `USAGE`. */
function requireColumns({ data }: JsonObject): void {
  const file = isJsonObject(data) ? data.file : undefined;
  if (!isJsonObject(file)) return;
  const missing = ['textColumn', 'labelColumn'].filter((key) => file[key] === undefined);
  if (missing.length === 0) return;
  throw new PeftError('USAGE', {
    found: `no ${missing.map(optionOf).join(' and no ')} for the file ${JSON.stringify(file.file)}`,
    expected:
      'the names of the columns that hold the text and the label (or, with --prompt-template, the text to write)',
    fix: 'look at the first line of the file; if it holds no names, give them with --column-names',
  });
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
  const floors: readonly string[] = usualFloors[kindOfTask(config)];
  return { ...config, methods: [...floors.filter((floor) => !names.includes(floor)), ...methods] };
}

/** What a task answers with, as far as it is known before its data and plugins are loaded. */
function kindOfTask({ task, data }: JsonObject): 'labels' | 'texts' {
  if (isJsonObject(data) && data.promptTemplate !== undefined) return 'texts';
  const known = [...createCatalogue().tasks.tasks.values()].find(({ name }) => name === task);
  return known?.output.kind === 'text' ? 'texts' : 'labels';
}

function refuseContradictions(options: RunOptions): void {
  const { task, seed, seeds } = options;
  const refuse = (found: string, fix: string) => {
    throw new PeftError('USAGE', { found, fix });
  };
  if (seed !== undefined && seeds !== undefined) refuse('both --seed and --seeds', 'keep one of them');
  const [first] = Object.keys(fileOptions(options));
  if (task === undefined || isTaskFile(task) || first === undefined) return;
  refuse(
    `${optionOf(first)} with the task "${task}", whose name has no ending of a labelled file`,
    'rename the file so that it ends in .csv, .tsv, .jsonl or .parquet; for a known task leave the option out',
  );
}

const section = (key: string, start: JsonObject, more: JsonObject): JsonObject =>
  Object.keys(more).length === 0
    ? {}
    : { [key]: { ...(isJsonObject(start[key]) ? (start[key] as JsonObject) : {}), ...more } };

const defined = (entries: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as JsonObject;
