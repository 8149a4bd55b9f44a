import type { ExperimentConfigInput } from '@tfjs-peft/eval';

/** Everything that decides how long the demo takes and how well it learns. */
const steps = 100;
const testLines = 400;
const dataSeeds = [13, 21, 42, 87];

/** What `tfjs-peft demo` learns: spam by subject line from 100 labelled lines, with the embedded host. */
export const demoExperiment: ExperimentConfigInput = {
  version: 1,
  name: 'Spam by subject line',
  task: 'spam-subjects',
  // Subject lines have some eight tokens; a single long one would pad its whole batch.
  data: { shots: 100, protocol: 'same_k', maxTokens: 32, testCap: testLines },
  model: { name: 'minilm' },
  methods: ['majority', 'linear-probe', 'head', 'prefix', 'prefix-subspace'],
  train: {
    steps,
    batchSize: 16,
    evaluateEvery: { epochs: 0, minSteps: 50 },
    patience: null,
    // Ten draws, the usual number, would take longer than the training itself.
    validation: { draws: 3 },
  },
  seeds: { data: dataSeeds, train: [0] },
};

/** The methods that every other one is compared with. */
export const demoReferences: readonly string[] = ['linear-probe', 'prefix'];

export const demoRemark =
  `To be quick the demo takes ${steps} steps a run and ${testLines} test lines. A serious run takes 1,000 steps or more, all test lines and ` +
  'five seeds.';
