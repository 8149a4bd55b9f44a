import { deleteExperimentFolder, parseExperiment } from '@tfjs-peft/eval';
import { readResults } from '@tfjs-peft/eval/run-folder';
import { canonicalJson } from '@tfjs-peft/peft-core/files';
import type { CliIo } from '../cli-io.js';
import { demoExperiment, demoReferences, demoRemark } from '../demo-experiment.js';
import {
  executeExperiment,
  type ExecutionOptions,
  shellCommand,
  shortPath,
  showResults,
} from './execute-experiment.js';

export interface DemoOptions extends ExecutionOptions {
  readonly output: string;
  readonly fresh?: boolean;
}

/** `tfjs-peft demo`: the experiment of demo-experiment.ts. A finished one is shown at once. `again` are the arguments that repeat it. */
export async function demo(options: DemoOptions, again: readonly string[], io: CliIo): Promise<number> {
  const { output, fresh = false, quiet = false } = options;
  if (fresh) await deleteExperimentFolder(output);
  const shown = {
    ...options,
    references: demoReferences,
    remarks: [demoRemark],
    next: () => [
      shellCommand(['predict', shortPath(output), 'You have won', "Minutes of Tuesday's meeting"]),
      shellCommand(['run', '--task', 'spam-subjects', '--shots', '100', '--seeds', '5', '--output', 'runs/spam']),
    ],
  };
  const earlier = await readResults(output);
  const isFinished = earlier?.trials.every(({ status }) => status === 'done') === true;
  if (isFinished && canonicalJson(earlier.config) === canonicalJson(parseExperiment(demoExperiment))) {
    if (!quiet) io.err(`These are the results in ${shortPath(output)}; --fresh starts anew.\n`);
    return showResults(earlier, shown, io);
  }
  if (!quiet) io.err('Learning spam from 100 subject lines, on three splits, with five methods.\n');
  return executeExperiment({ ...shown, config: demoExperiment, folder: output, again }, io);
}
