import * as z from 'zod';
import { PeftError, readouts, type Readout } from '@tfjs-peft/peft-core';
import { protocols } from '@tfjs-peft/glue-fewshot';
import { demonstrationsSchema, type TaskPrompt, taskPrompts } from '@tfjs-peft/prompting';
import { isJsonObject } from '@tfjs-peft/peft-core/files';
import { parseConfig } from '@tfjs-peft/peft-core/authoring';
import { type GenerationInput, parseGeneration } from '@tfjs-peft/transformer';
import { methodDescription } from '../methods/method-description.js';
import { recipeNames } from '../methods/presets.js';
import { partialTrainConfig } from './train-config.js';

export const seedNumber = z.int().min(0).max(0xffffffff);

/** Names become parts of folder names. */
export const methodName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'letters, digits, "-", "_" and "." only');

/** A method of an experiment, by preset or as data. */
export const methodEntry = z
  .strictObject({
    name: methodName,
    /** A registered preset; `name` is looked up if neither this nor `method` is given. */
    preset: z.string().optional(),
    /** A method as data; heads without labels get the task's. */
    method: methodDescription.optional(),
    /** How it learns; the preset's if absent, else `supervised`. */
    recipe: z.enum(recipeNames).optional(),
    train: partialTrainConfig.default({}),
  })
  .refine(({ preset, method }) => preset === undefined || method === undefined, 'give preset or method, not both');

const dataFile = z.strictObject({
  /** CSV, TSV, JSONL or Parquet. */
  file: z.string(),
  textColumn: z.string(),
  textPairColumn: z.string().optional(),
  labelColumn: z.string(),
  /** Test rows; without it `testFraction` of the rows are set aside. */
  testFile: z.string().optional(),
  testFraction: z.number().gt(0).lt(1).optional(),
  regression: z.boolean().optional(),
  /** More distinct labels are taken for a mistake; 100 if absent. */
  maxLabels: z.int().min(2).optional(),
  /** For a CSV or TSV file without a header line. */
  columnNames: z.array(z.string()).min(1).optional(),
  /** Between the fields of a CSV file; a comma if absent. */
  delimiter: z.string().optional(),
  /** Of a CSV, TSV or JSONL file; UTF-8 if absent. */
  encoding: z.string().optional(),
  /** Whether a TSV file quotes fields as CSV does. */
  quotedTsv: z.boolean().optional(),
});

export const dataConfig = z.strictObject({
  /** Folder with the task's files, for tasks that are not embedded. */
  directory: z.string().nullable().default(null),
  /** A labelled text file as a task of its own (`task: file`). */
  file: dataFile.nullable().default(null),
  /** Rows with an empty text: an error, left out, or kept; the task's own choice if absent. */
  emptyText: z.enum(['error', 'drop', 'keep']).optional(),
  /** Rows of one group alone, of tasks that have groups: a category, a persona. */
  group: z.string().min(1).max(300).optional(),
  /** Of a task of texts: makes a prompt of a row, `{field}` stands for a field. Makes a labelled file one. */
  promptTemplate: z.string().max(10_000).optional(),
  /** K: number of labelled texts (per class under `per_class`). */
  shots: z.int().min(1).default(100),
  /** How the development set is made; `none`: there is none, the last step counts. */
  protocol: z.enum(protocols).default('same_k'),
  devSize: z.int().min(1).nullable().default(null),
  devFraction: z.number().gt(0).lt(1).nullable().default(null),
  stratify: z.boolean().default(false),
  maxTokens: z.int().min(4).default(128),
  /** At most this many test rows, for development; null: all. */
  testCap: z.int().min(1).nullable().default(null),
});

/** Validated settings of the data: files, K, protocol, lengths. */
export type DataConfig = z.output<typeof dataConfig>;

const promptConfig = z.strictObject({
  /** As in LM-BFF: `*cls**sent_0*_It_was*mask*.*sep+*`; that of the task if neither this nor `words` is given. */
  template: z.string().min(1).max(2000),
  /** The word of each label, in their order. */
  words: z.array(z.string().min(1).max(200)).min(2),
  /** A folder with the head of a masked language model, and perhaps an adapter that makes the host one; the host's own files if absent. */
  mlm: z.string().min(1).optional(),
  /** Answered prompts behind each prompt, drawn from the training texts of the split. */
  demonstrations: demonstrationsSchema.optional(),
});

/** How texts become prompts that a masked language model completes with a label's word. */
export type PromptConfig = z.output<typeof promptConfig>;

export const modelConfig = z.strictObject({
  /** `minilm` or `minigpt` (embedded), a directory (starts with "." or "/"), or a Hub name. */
  name: z.string().min(1).default('minilm'),
  revision: z.string().optional(),
  /** How hidden states become one vector; null: the host's usual way. */
  readout: z
    .enum(readouts as [Readout, ...Readout[]])
    .nullable()
    .default(null),
  /** Dropout inside the frozen host in training; null: what its configuration says; false: none. */
  dropout: z
    .union([z.number().min(0).lt(1), z.literal(false)])
    .nullable()
    .default(null),
  /** Makes a prompt of each text; heads then start as the label words and read the mask. */
  prompt: promptConfig.optional(),
});

/** Validated settings of the host: name, revision, readout, dropout, prompts. */
export type ModelConfig = z.output<typeof modelConfig>;

export const testConfig = z.strictObject({
  /** Point of a simplex that is tested; the midpoint is what is deployed, the others are for analysis. */
  point: z
    .string()
    .regex(/^(midpoint|ensemble|random|vertex:\d+)$/, 'midpoint, ensemble, random or vertex:<number>')
    .default('midpoint'),
  /** Draws of an ensemble. */
  draws: z.int().min(1).default(10),
  /**
   * Also tests the midpoint at every evaluation, for the record (validation regret); nothing is chosen by it. A number: on so many rows of each test
   * set, the same at every evaluation of every run.
   */
  trace: z.union([z.boolean(), z.int().min(1)]).optional(),
  /** Of a task of texts: how prompts are continued, by the keys of `generate`; 64 tokens, each the likeliest, if absent. */
  generation: z
    .record(z.string(), z.json())
    .transform((settings) => parseGeneration(settings as GenerationInput))
    .optional(),
});

/** Validated settings of the test: the point of a simplex, and draws. */
export type TestConfig = z.output<typeof testConfig>;

/** One experiment: a task, a host, methods and seeds. Unknown keys are errors. */
export const experimentConfig = z.strictObject({
  version: z.literal(1, 'version must be 1'),
  name: z.string().optional(),
  /** A registered task, or `file` with `data.file`. */
  task: z.string().min(1),
  data: dataConfig.prefault({}),
  model: modelConfig.prefault({}),
  methods: z.array(z.union([methodName, methodEntry])).min(1),
  /** Training settings of all methods; a method's own win. */
  train: partialTrainConfig.default({}),
  seeds: z
    .strictObject({ data: z.array(seedNumber).min(1).default([13]), train: z.array(seedNumber).min(1).default([0]) })
    .prefault({}),
  metrics: z.strictObject({ headline: z.enum(['unipelt', 'glue_mean']).default('unipelt') }).prefault({}),
  test: testConfig.prefault({}),
  /** Modules that add methods, presets or tasks. */
  plugins: z.array(z.string()).default([]),
});

/** A validated experiment, defaults written out. */
export type ExperimentConfig = z.output<typeof experimentConfig>;

/** An experiment as it is written: what has a default may be absent. */
export type ExperimentConfigInput = z.input<typeof experimentConfig>;

/** Checks an experiment and writes out its defaults. Errors: `CONFIG_INVALID`, naming each key; `PROMPT_UNKNOWN`. */
export const parseExperiment = (value: unknown): ExperimentConfig =>
  parseConfig(experimentConfig, withPromptOfTask(value), 'the experiment');

/** An experiment whose prompt has neither a template nor words gets those of its task. */
function withPromptOfTask(value: unknown): unknown {
  if (!isJsonObject(value) || !isJsonObject(value.model) || !isJsonObject(value.model.prompt)) return value;
  const { task, model } = value;
  const { prompt } = value.model;
  if (typeof task !== 'string' || 'template' in prompt || 'words' in prompt) return value;
  return { ...value, model: { ...model, prompt: { ...prompt, ...promptOfTask(task) } } };
}

/** The template and words of a task. Errors: `PROMPT_UNKNOWN`. */
export function promptOfTask(task: string): TaskPrompt {
  const prompt = Object.hasOwn(taskPrompts, task) ? taskPrompts[task] : undefined;
  if (prompt) return prompt;
  throw new PeftError('PROMPT_UNKNOWN', {
    found: `no template for task "${task}"`,
    expected: `one of ${Object.keys(taskPrompts).join(', ')}, or a template and words of your own`,
    fix: 'give `--template` and `--words` (model.prompt in a file)',
  });
}
