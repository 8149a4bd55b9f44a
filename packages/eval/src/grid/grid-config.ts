import * as z from 'zod';
import { parseConfig } from '@tfjs-peft/peft-core/authoring';
import {
  dataConfig,
  experimentConfig,
  methodEntry,
  methodName,
  seedNumber,
  testConfig,
} from '../config/experiment-config.js';
import { partialTrainConfig } from '../config/train-config.js';

const name = z.string().min(1).max(200);

/** Values of settings that are tried, by path below the method's entry: `train.learningRate: [1e-4, 1e-3]`. */
const space = z.record(
  z.string().regex(/^(train|method)(\.[A-Za-z0-9]+)+$/, 'a path such as train.learningRate'),
  z.array(z.json()).min(1).max(100),
);

const gridMethod = z.union([
  methodName,
  methodEntry.safeExtend({
    /** What is tried of this method; the grid's factors of its learning rate if absent. */
    search: space.optional(),
  }),
]);

const task = z.union([
  name,
  z.strictObject({
    task: name,
    /** Below `data.directory`, or an absolute path. */
    directory: z.string().optional(),
    file: dataConfig.shape.file.optional(),
  }),
]);

/** As in an experiment; checked with each task, whose prompt it may ask for. */
const model = z.object({ name }).catchall(z.json());

/** A grid: tasks x hosts x K x methods x seeds. Unknown keys are errors. */
export const gridConfig = z.strictObject({
  version: z.literal(1, 'version must be 1'),
  name: z.string().max(200).optional(),
  tasks: z.array(task).min(1),
  /** K: numbers of labelled texts. */
  shots: z.array(z.int().min(1)).min(1).default([100]),
  models: z
    .array(z.union([name, model]))
    .min(1)
    .default(['minilm']),
  methods: z.array(gridMethod).min(1),
  data: dataConfig.omit({ shots: true, file: true }).prefault({}),
  /** Training settings of all methods; a method's own win. */
  train: partialTrainConfig.default({}),
  seeds: experimentConfig.shape.seeds,
  /**
   * Settings are chosen by the development set before anything is reported, with as many tries for each trained method: on data seeds that are
   * not reported, one choice for a task, host and K.
   */
  search: z
    .strictObject({
      /** Tries of each method. */
      budget: z.int().min(1).max(1000),
      /** Data seeds of the tries. */
      seeds: z.array(seedNumber).min(1),
      /** Times the learning rate of a method without a space of its own. */
      rateFactors: z.array(z.number().positive()).min(1).optional(),
    })
    .optional(),
  /** Methods that the others are compared with. */
  references: z.array(methodName).min(1).optional(),
  /**
   * Factors of a full two-level design: by name, the arms that have it. An arm that no factor names has none of them; of several, the first
   * reference among them is taken. Floors are left out. At most four.
   */
  factors: z
    .record(methodName, z.array(methodName).min(1))
    .refine((factors) => Object.keys(factors).length <= 4, 'at most four factors')
    .optional(),
  /** Differences within it, in points, count as none where the intervals say so. */
  margin: z.number().positive().default(1),
  metrics: experimentConfig.shape.metrics,
  test: testConfig.prefault({}),
  plugins: z.array(z.string()).default([]),
});

/** A validated grid, defaults written out. */
export type GridConfig = z.output<typeof gridConfig>;

/** A grid as it is written. */
export type GridConfigInput = z.input<typeof gridConfig>;

/** A method of a grid: one of an experiment, and what is tried of it. */
export type GridMethod = z.output<typeof methodEntry> & {
  readonly search?: Readonly<Record<string, readonly unknown[]>>;
};

/** Checks a grid and writes out its defaults. Errors: `CONFIG_INVALID`, naming each key. */
export const parseGrid = (value: unknown): GridConfig => parseConfig(gridConfig, value, 'the grid');
