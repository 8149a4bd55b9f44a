import { type Optimiser, parseConfig } from '@tfjs-peft/peft-core/authoring';
import * as z from 'zod';
import { validationConfig } from '../evaluate/validation-config.js';
import { adamW } from '../optimisers/adamw.js';
import { averageParameters } from '../optimisers/average-parameters.js';
import type { ParameterGroup } from '../optimisers/parameter-groups.js';
import { sgd } from '../optimisers/sgd.js';
import { signDescent } from '../optimisers/sign-descent.js';

const count = z.number().int().positive();

const trainKeys = z.strictObject({
  learningRate: z.number().positive().default(2e-4),
  /** Of parameters that act at the readout; `learningRate` if null. */
  headLearningRate: z.number().positive().nullable().default(null),
  /** Decoupled; acts on raw tensors of rank 2 and more, so never on biases and gates. */
  weightDecay: z.number().nonnegative().default(0),
  /** AdamW if absent. Keys without a default leave the configuration of runs that do not name them as it was. */
  optimiser: z.enum(['adamw', 'sgd', 'sign_descent']).optional(),
  /** Of `sgd`. */
  momentum: z.number().min(0).lt(1).optional(),
  /** Evaluates, chooses and returns an exponential moving average of the parameters with this decay in their place. */
  averageDecay: z.number().gt(0).lt(1).optional(),
  /** Parameters with settings of their own, by name; later groups win. */
  groups: z
    .array(
      z.strictObject({
        parameters: z.string(),
        learningRate: z.number().nonnegative().optional(),
        weightDecay: z.number().nonnegative().optional(),
        frozen: z.boolean().optional(),
      }),
    )
    .optional(),
  /** Of `adamw`. */
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]),
  epsilon: z.number().positive().default(1e-8),
  /** Largest global gradient norm; null switches clipping off. */
  clipNorm: z.number().positive().nullable().default(1),
  batchSize: count.default(16),
  /** Texts a pass in evaluation; has no influence on training. */
  evaluationBatchSize: count.default(64),
  schedule: z.enum(['linear', 'constant', 'cosine']).default('linear'),
  /** Part of all steps in which the rate rises linearly from 0. */
  warmupRatio: z.number().min(0).max(1).default(0.06),
  /** Updates in all; the larger of `minEpochs` and `minSteps` if null. */
  steps: count.nullable().default(null),
  minSteps: z.number().int().nonnegative().default(1000),
  minEpochs: z.number().nonnegative().default(50),
  /** The larger of the two is the distance between evaluations. The last step is always evaluated. */
  evaluateEvery: z
    .strictObject({ epochs: z.number().nonnegative().default(1), minSteps: count.default(25) })
    .prefault({}),
  /** Evaluations without improvement after which training stops; null switches that off. */
  patience: count.nullable().default(10),
  validation: validationConfig.prefault({}),
  /**
   * More rules of choice, by name, that are followed in the same run: each chooses and stops as a run of its own with this `validation` would,
   * to the bit, since validation has no influence on training. The run ends when none of them waits any more.
   */
  selections: z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/), validationConfig).optional(),
  /** Between equal headlines: the first one stays the best, or the one with the lower loss on the dev set. */
  tieBreak: z.enum(['first', 'loss']).default('first'),
  /**
   * Megabytes of activations that a run keeps at most: those of texts below all that the method acts on, where the host drops nothing out. 0 keeps
   * none; {@link activationMegabytes} if absent.
   */
  activationMegabytes: z.number().nonnegative().optional(),
  /** Steps between checkpoints; at every evaluation if null. */
  checkpointEvery: count.nullable().default(null),
});

const [usualBetas, usualEpsilon] = [trainKeys.shape.betas.parse(undefined), trainKeys.shape.epsilon.parse(undefined)];
const isUsual = ({ betas, epsilon }: z.output<typeof trainKeys>) =>
  epsilon === usualEpsilon && betas.every((beta, index) => beta === usualBetas[index]);

/** Settings of an optimiser beside another one would change nothing. */
const trainConfig = trainKeys
  .refine(({ momentum, optimiser }) => momentum === undefined || optimiser === 'sgd', {
    path: ['momentum'],
    error: 'is of optimiser "sgd" alone',
  })
  .refine((config) => (config.optimiser ?? 'adamw') === 'adamw' || isUsual(config), {
    path: ['betas'],
    error: 'betas and epsilon are of optimiser "adamw" alone',
  });

/** A validated configuration, from `parseTrainConfig`. */
export type TrainConfig = Readonly<z.output<typeof trainConfig>>;

/** A configuration as it is written: what has a default may be absent. */
export type TrainConfigInput = z.input<typeof trainConfig>;

/** How many megabytes of activations a run keeps at most that does not say it. */
export const activationMegabytes = 256;

/** A complete, frozen configuration. Errors: `CONFIG_INVALID`, naming each bad or unknown key. */
export const parseTrainConfig = (config: TrainConfigInput = {}): TrainConfig =>
  parseConfig(trainConfig, config, 'train');

/** The optimiser that a configuration names. */
export function optimiserOf(config: TrainConfig): Optimiser {
  const named = namedOptimiser(config);
  return config.averageDecay === undefined ? named : averageParameters(named, config.averageDecay);
}

function namedOptimiser({ optimiser, betas, epsilon, momentum }: TrainConfig): Optimiser {
  switch (optimiser) {
    case undefined:
    case 'adamw':
      return adamW({ betas, epsilon });
    case 'sgd':
      return sgd({ momentum: momentum ?? 0 });
    case 'sign_descent':
      return signDescent();
  }
}

/** The groups of a configuration; `headLearningRate` is one of them, before the others. */
export const groupsOf = ({ headLearningRate, groups }: TrainConfig): ParameterGroup[] => [
  ...(headLearningRate === null ? [] : [{ parameters: 'head', learningRate: headLearningRate }]),
  ...(groups ?? []),
];

/** How long a run is and when it is evaluated, all in optimiser steps. */
export interface StepCounts {
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly evaluateEvery: number;
}

/** What a configuration means for `examples` training examples. Partial batches count as steps. */
export function countSteps(config: TrainConfig, examples: number): StepCounts {
  const stepsPerEpoch = Math.ceil(examples / config.batchSize);
  const { epochs, minSteps } = config.evaluateEvery;
  return {
    steps: config.steps ?? Math.max(1, config.minSteps, Math.ceil(config.minEpochs * stepsPerEpoch)),
    stepsPerEpoch,
    evaluateEvery: Math.max(Math.ceil(epochs * stepsPerEpoch), minSteps),
  };
}
