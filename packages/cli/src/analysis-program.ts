import { Argument, type Command, Option } from 'commander';
import type { CliIo } from './cli-io.js';
import type { AnalyseOptions } from './commands/analyse.js';
import type { ExplainOptions } from './commands/explain.js';
import type { KernelOptions } from './commands/kernel.js';
import type { LandscapeCommandOptions } from './commands/landscape.js';
import type { examples } from './examples.js';
import { list, wholeNumber, wholeNumberOrZero } from './options/parse-values.js';
import { backendOption, labelled, pluginOption, prompted, protocols, table } from './options/shared-options.js';

/** Commands that look at methods, tasks and adapters and train nothing. */
export function addAnalysisCommands(
  command: (name: keyof typeof examples, signature: string, description: string) => Command,
  io: CliIo,
  done: (exitCode: number) => void,
): void {
  command('explain', 'explain', 'Say what a method trains on a host and where it acts, without loading a model.')
    .argument('<method>', 'a method such as lora or prefix-subspace')
    .option(
      '--model <name>',
      'host: minilm or minigpt (embedded), a folder, or a name of the Hub that is on this machine',
    )
    .addOption(pluginOption())
    .action(async (method: string, options: ExplainOptions) =>
      done(await (await import('./commands/explain.js')).explainMethod(method, options, io)),
    );

  command(
    'landscape',
    'landscape',
    'Look at what lies around a trained adapter: its simplex, and noise on its parameters.',
  )
    .argument('<folder>', 'folder of a trial, or of an adapter in one')
    .option('--data <folder>', 'folder of the task files, if they moved')
    .option('--task <name>', 'another task than the one it was trained on')
    .option('--test-cap <number>', 'use at most this many test texts', wholeNumber)
    .option('--radii <numbers>', 'noise as shares of the norm of each tensor (default: 0.1,0.2,0.4,0.8)', list)
    .option('--noise-draws <number>', 'directions of the noise (default: 3)', wholeNumber)
    .option('--seed <number>', 'seed of the directions (default: 0)', wholeNumberOrZero)
    .option('--model <name>', 'host, where the folder does not say it')
    .option('--output <folder>', 'where landscape.html and landscape.json go (default: the folder itself)')
    .addOption(pluginOption())
    .addOption(backendOption())
    .action(async (folder: string, options: LandscapeCommandOptions) =>
      done(await (await import('./commands/landscape.js')).landscape(folder, options, io)),
    );

  labelled(table(command('analyse', 'analyse', 'Show where a task pulls at a host before anything is trained.')))
    .addArgument(new Argument('<what>', 'what is looked at').choices(['gradients']))
    .option('--seed <number>', 'data seed (default: 13)', wholeNumberOrZero)
    .option('--model <name>', 'host: minilm or minigpt (embedded), a folder, or a name of the Hub (default: minilm)')
    .option('--revision <name>', 'branch, tag or commit of the host on the Hub')
    .option('--batches <number>', 'batches of texts that are looked at', wholeNumber, 2)
    .option('--batch-size <number>', 'texts in each', wholeNumber, 32)
    .option('--output <folder>', 'where gradients.html and gradients.json go (default: runs/gradients-<task or file>)')
    .addOption(pluginOption())
    .addOption(backendOption())
    .action(async (_what: string, options: AnalyseOptions) =>
      done(await (await import('./commands/analyse.js')).analyse(options, io)),
    );

  prompted(
    labelled(
      table(
        command('kernel', 'kernel', 'Tell from gradients alone, before any training, what methods make of a task.'),
      ),
    ),
  )
    .option('--methods <names>', 'comma-separated methods (default: lora,prefix-flat,adapter,bitfit)', list)
    .addOption(
      new Option('--kind <name>', 'kernel: of SGD, of sign descent, of sign descent with the sign on one side')
        .choices(['sgd', 'signgd', 'asymmetric-signgd'])
        .default('sgd'),
    )
    .addOption(
      new Option('--solver <name>', 'how the kernel becomes a classifier')
        .choices(['least-squares', 'logistic', 'asymmetric-svm'])
        .default('least-squares'),
    )
    .option('--choose', 'rank the methods on development texts, ties as ties')
    .option('--no-full', 'leave out the kernel of all weights, beside which shares are told')
    .addOption(new Option('--protocol <name>', 'how train and dev are drawn').choices(protocols))
    .option('--test-cap <number>', 'use at most this many test texts', wholeNumber)
    .option('--seed <number>', 'data seed (default: 13)', wholeNumberOrZero)
    .option('--model <name>', 'host: minilm or minigpt (embedded), a folder, or a name of the Hub (default: minilm)')
    .option('--revision <name>', 'branch, tag or commit of the host on the Hub')
    .option('--batch-size <number>', 'texts of one pass', wholeNumber, 32)
    .option('--memory <megabytes>', 'gradients that are held at once', wholeNumber, 1024)
    .option('--jobs <number>', 'processes that share the work', wholeNumber, 1)
    .option(
      '--output <folder>',
      'where kernels.html, kernels.json and the kernels go (default: runs/kernels-<task or file>)',
    )
    .addOption(pluginOption())
    .addOption(backendOption())
    .action(async (options: KernelOptions) => done(await (await import('./commands/kernel.js')).kernel(options, io)));
}
