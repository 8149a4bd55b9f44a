import { join } from 'node:path';
import type { ExperimentConfigInput } from '@tfjs-peft/eval';
import { temporaryFolder, writeSeparableTask, writeTinyModel } from './tiny-model.js';

/** A folder with a tiny host and a separable task, and an experiment on them that takes a second. */
export async function tinyExperiment(changes: Partial<ExperimentConfigInput> = {}) {
  const root = temporaryFolder();
  const model = await writeTinyModel(join(root, 'tiny-bert'), 0, { masked: changes.model?.prompt !== undefined });
  const file = writeSeparableTask(join(root, 'reviews.csv'));
  const config: ExperimentConfigInput = {
    version: 1,
    task: 'file',
    data: {
      file: { file, textColumn: 'text', labelColumn: 'label' },
      shots: 24,
      maxTokens: 16,
      testCap: 20,
      ...changes.data,
    },
    model: { name: model, readout: 'mean', ...(changes.model as object) },
    methods: changes.methods ?? ['majority', 'linear-probe', tinyPrefix],
    train: { steps: 6, batchSize: 8, evaluateEvery: { epochs: 0, minSteps: 2 }, ...(changes.train as object) },
    seeds: changes.seeds ?? { data: [13], train: [0] },
    ...(changes.test && { test: changes.test }),
  };
  return { root, config, out: join(root, 'out') };
}

/** Small enough for a tiny host. */
export const tinyPrefix = {
  name: 'prefix',
  method: {
    type: 'COMPOSE',
    config: {},
    parts: [
      { type: 'PREFIX_TUNING', config: { prefixLength: 3, mlpHiddenSize: 16 } },
      { type: 'HEAD', config: {} },
    ],
  },
  train: { validation: { mode: 'midpoint' as const }, learningRate: 1e-2 },
};

export const tinySubspace = {
  name: 'prefix-subspace',
  method: { type: 'SUBSPACE', config: { vertices: 2 }, parts: [tinyPrefix.method] },
  train: { validation: { mode: 'stochastic' as const, draws: 4 }, learningRate: 1e-2 },
};
