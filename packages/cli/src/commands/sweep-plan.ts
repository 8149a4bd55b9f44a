import { planSweep } from '@tfjs-peft/eval/sweep';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';
import { pluginArguments, shellCommand } from './execute-experiment.js';
import { askForLarge, describePlan, type GridFileOptions, readGridFile } from './read-grid.js';

export interface SweepPlanOptions extends GridFileOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `tfjs-peft sweep plan`; `again` are the arguments that repeat it. */
export async function sweepPlan(
  file: string,
  options: SweepPlanOptions,
  again: readonly string[],
  io: CliIo,
): Promise<number> {
  const opened = await readGridFile(file, options);
  const { input, folder, shared, grid } = opened;
  askForLarge(grid, options);
  const status = await planSweep(input, { ...shared, folder, command: shellCommand(again) });
  if (options.json) io.out(jsonLine({ folder, trials: status.trials.length, undecided: status.undecided }));
  else {
    if (!options.quiet) io.err(`${describePlan(opened, [], 1).join('\n')}\n`);
    io.out(
      `${folder}/trials.jsonl has ${status.trials.length} trials.\nTo run them: ${shellCommand(['sweep', 'start', folder, ...pluginArguments(options.plugin)])}\n`,
    );
  }
  return 0;
}
