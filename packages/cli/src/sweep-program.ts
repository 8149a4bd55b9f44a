import { type Command, Option } from 'commander';
import type { CliIo } from './cli-io.js';
import type { ReportOptions } from './commands/report.js';
import type { SweepFolderOptions } from './commands/sweep-look.js';
import type { SweepPlanOptions } from './commands/sweep-plan.js';
import type { SweepStartOptions } from './commands/sweep-start.js';
import type { SweepWorkerOptions } from './commands/sweep-worker.js';
import { collect, shard, wholeNumber } from './options/parse-values.js';
import { gridFile, limits, pluginOption } from './options/shared-options.js';
import { typedArguments } from './options/typed-arguments.js';

const folder = ['<folder>', 'folder that `sweep plan` or `ablate` wrote'] as const;
const redisOption = () =>
  new Option('--redis <url>', 'redis://host:port; rediss:// for TLS').env('REDIS_URL').argParser(String);

/** The verbs of `tfjs-peft sweep`. */
export function addSweepCommands(
  sweep: Command,
  command: (name: string, description: string) => Command,
  io: CliIo,
  done: (exitCode: number) => void,
): void {
  gridFile(command('plan', 'Write the folder of a sweep: what is to be run, a trial a line. Runs nothing.')).action(
    async (grid: string, options: SweepPlanOptions, self: Command) =>
      done(await (await import('./commands/sweep-plan.js')).sweepPlan(grid, options, typedArguments(self), io)),
  );

  limits(command('start', 'Run what is left of a sweep here, or hand it to workers on other machines.'))
    .argument(...folder)
    .addOption(
      new Option('--engine <name>', 'what runs the trials')
        .choices(['local', 'bullmq', 'slurm', 'kubernetes'])
        .default('local'),
    )
    .addOption(redisOption())
    .option(
      '--tasks <number>',
      'of slurm and kubernetes: tasks that share the trials (default: one a trial)',
      wholeNumber,
    )
    .option('--at-once <number>', 'of slurm and kubernetes: tasks that may run at a time', wholeNumber)
    .option(
      '--sbatch <option>',
      'of slurm: an option of sbatch, such as --sbatch=--time=4:00:00; may be repeated',
      collect,
      [],
    )
    .option('--submit', 'of slurm: call sbatch with the script that was written')
    .option('--image <name>', 'of kubernetes: image of the container')
    .option('--claim <name>', 'of kubernetes: PersistentVolumeClaim that holds the folder')
    .option('--mount <path>', 'of kubernetes: where it is mounted (default: the folder above the sweep)')
    .addOption(pluginOption())
    .action(async (path: string, options: SweepStartOptions, self: Command) =>
      done(await (await import('./commands/sweep-start.js')).sweepStart(path, options, typedArguments(self), io)),
    );

  limits(command('worker', 'Run trials of a sweep from its queue, or one share of them, until none is left.'))
    .argument(...folder)
    .option(
      '--shard <i/n>',
      'the trials whose number leaves i when divided by n; without it they come from the queue',
      shard,
    )
    .addOption(redisOption())
    .addOption(pluginOption())
    .action(async (path: string, options: SweepWorkerOptions, self: Command) =>
      done(await (await import('./commands/sweep-worker.js')).sweepWorker(path, options, typedArguments(self), io)),
    );

  const look = () => import('./commands/sweep-look.js');
  command('status', 'Say what is done, running, failed and open.')
    .argument(...folder)
    .option('--watch', 'again every few seconds, until nothing runs and nothing is open')
    .addOption(redisOption())
    .action(async (path: string, options: SweepFolderOptions) =>
      done(await (await look()).sweepStatus(path, options, io)),
    );

  command('collect', 'Write the results and the report of what has ended, also of an unfinished sweep.')
    .argument(...folder)
    .action(async (path: string, options: ReportOptions) => done(await (await look()).sweepCollect(path, options, io)));

  command(
    'copy',
    'Copy the records without weights and without paths, small enough to send or to keep in a repository.',
  )
    .argument(...folder)
    .argument('<output>', 'a new folder, or an earlier copy to bring up to date; report and --resume work on it')
    .action(async (path: string, output: string, options: SweepFolderOptions) =>
      done(await (await look()).sweepCopy(path, output, options, io)),
    );

  command('cancel', 'Stop all workers after their step; finished trials and checkpoints are kept.')
    .argument(...folder)
    .addOption(redisOption())
    .action(async (path: string, options: SweepFolderOptions) =>
      done(await (await look()).sweepCancel(path, options, io)),
    );
}
