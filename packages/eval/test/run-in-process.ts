/** Runs the experiment given as JSON: what `worker-processes.spec.ts` kills. */
import { type ExperimentConfigInput, runExperiment } from '@tfjs-peft/eval';
import type { BackendChoice } from '@tfjs-peft/backend';

const [config, folder, backend, flag] = process.argv.slice(2);
await runExperiment(JSON.parse(config!) as ExperimentConfigInput, {
  folder: folder!,
  backend: backend as BackendChoice,
  resume: flag === '--resume',
  jobs: flag === '--jobs' ? 2 : 1,
  onEvent: (event) => {
    if (event.type === 'train' && event.event.type === 'start') console.log(`resumed from ${event.event.resumedFrom}`);
  },
});
