import type { ExperimentConfigInput } from '@tfjs-peft/eval';

/** Everything that decides how long the demo takes and how well it learns. */
const steps = 70;
const testLines = 250;
const dataSeeds = [13, 21, 42];
/** Higher than the presets' rate, which is meant for ten times as many steps. */
const prefixTraining = { learningRate: 2e-3 };

/** What `tfjs-peft demo` learns: spam by subject line from 100 labelled lines, with the embedded host. */
export const demoExperiment: ExperimentConfigInput = {
  version: 1,
  name: 'Spam by subject line',
  task: 'spam-subjects',
  // Subject lines have some eight tokens; a single long one would pad its whole batch. No dev set: 100 labels are all there are.
  data: { shots: 100, protocol: 'none', maxTokens: 16, testCap: testLines },
  model: { name: 'minilm', dropout: false },
  methods: [
    'majority',
    'linear-probe',
    'head',
    { name: 'prefix', preset: 'prefix', train: prefixTraining },
    { name: 'prefix-subspace', preset: 'prefix-subspace', train: prefixTraining },
  ],
  train: { steps, batchSize: 8, patience: null },
  seeds: { data: dataSeeds, train: [0] },
};

/** The methods that every other one is compared with. */
export const demoReferences: readonly string[] = ['linear-probe', 'prefix'];

export const demoRemark =
  `To be quick the demo takes ${steps} steps a run and ${testLines} test lines. A serious run takes 1,000 steps or more, all test lines and ` +
  'five seeds.';
