import { planSweep } from '@tfjs-peft/eval/sweep';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';
import { shellCommand } from './execute-experiment.js';
import { askForLarge, describePlan, gridArguments, type GridFileOptions, readGridFile } from './read-grid.js';

export interface SweepPlanOptions extends GridFileOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `tfjs-peft sweep plan`. */
export async function sweepPlan(file: string, options: SweepPlanOptions, io: CliIo): Promise<number> {
  const { input, folder, shared, grid } = await readGridFile(file, options);
  askForLarge(grid, options);
  const command = shellCommand(['sweep', 'plan', ...gridArguments(file, options, folder)]);
  const status = await planSweep(input, { ...shared, folder, command });
  if (options.json) io.out(jsonLine({ folder, trials: status.trials.length, undecided: status.undecided }));
  else {
    if (!options.quiet) io.err(`${describePlan(grid, [], 1).join('\n')}\n`);
    io.out(
      `${folder}/trials.jsonl has ${status.trials.length} trials.\nTo run them: ${shellCommand(['sweep', 'start', folder])}\n`,
    );
  }
  return 0;
}
