import type { ExperimentConfigInput } from '@tfjs-peft/eval';
import { builtInPresets } from '@tfjs-peft/eval/methods';

/** Every trained preset that is no simplex, cheapest idea first; each is also run as `…-subspace`. */
export const methods = [
  'head',
  'prefix',
  'prefix-flat',
  'prompt',
  'p-tuning',
  'lora',
  'dora',
  'adapter',
  'adapter-parallel',
  'ia3',
  'bitfit',
  'ln-tuning',
  'mam',
  'unipelt',
  'prefix-lora-ia3',
  'sift',
  'tarp',
  'tarp-scaled',
  'tarp-bilinear',
  'tarp-kronecker',
  'tams',
  'full',
] as const;

export const floors = ['majority', 'linear-probe'] as const;

/** Task and its folder below `--data`. */
export const tasks = { sst2: 'glue', trec: 'text-classification' } as const;
export type TaskName = keyof typeof tasks;

/** Rates are chosen on a split that is not reported, by its development set alone; the others are. */
export const searchSeed = 87;
export const dataSeeds = [13, 21, 42];

/** Tries of every method, times the rate of its preset. */
export const rateFactors = [1 / 3, 1, 3];

export const presetRate = (method: string): number => {
  const rate = builtInPresets.find(({ name }) => name === method)?.train?.learningRate;
  if (rate === undefined) throw new Error(`no preset with a rate: ${method}`);
  return rate;
};

/** Rounded to three digits, so that names and configurations read well. */
export const ratesOf = (method: string): number[] =>
  rateFactors.map((factor) => Number((factor * presetRate(method)).toPrecision(3)));

/** Of a run: how long it is, and on how many texts. */
export const size = { shots: 100, steps: 120, batchSize: 16 };

/** What all runs share. The readout, the dropout and everything that is not named are the defaults. */
export const common = (task: TaskName, data: string): Omit<ExperimentConfigInput, 'methods' | 'seeds'> => ({
  version: 1,
  task,
  data: { directory: `${data}/${tasks[task]}`, shots: size.shots, protocol: 'same_k', maxTokens: 64 },
  model: { name: 'minilm' },
  train: {
    steps: size.steps,
    batchSize: size.batchSize,
    evaluationBatchSize: 128,
    evaluateEvery: { epochs: 0, minSteps: 30 },
    patience: null,
    validation: { draws: 5, logMidpoint: false },
    tieBreak: 'loss',
    // Nothing is resumed in the middle of so short a run; whole runs are.
    checkpointEvery: size.steps,
  },
});
