import { projectOption, setupDescription, setupFlags, setupNotes } from '@tfjs-peft/setup-native';
import { Command, Option } from 'commander';
import type { CliIo } from './cli-io.js';
import type { AblateOptions } from './commands/ablate.js';
import type { AdaptCommandOptions } from './commands/adapt.js';
import type { ConvertCommandOptions } from './commands/convert.js';
import type { DemoOptions } from './commands/demo.js';
import type { EvalOptions } from './commands/eval.js';
import type { GenerateOptions } from './commands/generate.js';
import type { ExportOptions } from './commands/export.js';
import type { DeployCommandOptions } from './commands/merge.js';
import type { InspectOptions } from './commands/inspect.js';
import type { PrepareCommandOptions } from './commands/prepare.js';
import type { PredictOptions } from './commands/predict.js';
import type { ReportOptions } from './commands/report.js';
import type { RunCommandOptions } from './commands/run-options.js';
import type { SetupNativeOptions } from './commands/setup-native.js';
import { examples } from './examples.js';
import {
  collect,
  collectTexts,
  decimal,
  escapedText,
  list,
  positive,
  wholeNumber,
  wholeNumberOrZero,
} from './options/parse-values.js';
import {
  common,
  pluginOption,
  backendOption,
  runs,
  deploys,
  gridFile,
  table,
  tableOfTask,
  labelled,
  prompted,
  protocols,
  noRepeatNgramOption,
} from './options/shared-options.js';
import { keepTyped, typedArguments } from './options/typed-arguments.js';
import { addAnalysisCommands } from './analysis-program.js';
import { addSweepCommands } from './sweep-program.js';
import { version } from './version.js';

/**
 * All commands. Nothing heavy is imported before a command runs, so that `--help` and typing errors answer at once. `done` receives the exit
 * code of the command.
 */
export function createProgram(io: CliIo, done: (exitCode: number) => void): Command {
  const program = new Command('tfjs-peft')
    .description('Parameter-efficient fine-tuning of text classifiers on TensorFlow.js.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .showHelpAfterError('Run it with --help for the options.')
    .addHelpText('after', helpOf(examples.all));

  const command = (name: keyof typeof examples, signature: string, description: string) =>
    common(program.command(signature).description(description).addHelpText('after', helpOf(examples[name])));

  runs(command('demo', 'demo', 'Learn spam from 100 subject lines and compare methods; needs no download.'))
    .addOption(new Option('--output <folder>', 'where the results go').default('runs/demo'))
    .option('--fresh', 'delete the results of an earlier demo and start anew')
    .addOption(
      new Option(
        '--meta',
        'instead: learn new intents from 4 texts each with an adapter that was prepared on others, and with one that was not',
      ).conflicts(['output', 'fresh', 'jobs', 'hangLimit', 'resume']),
    )
    .action(async ({ meta, ...options }: DemoOptions & { readonly meta?: boolean }, self: Command) =>
      done(
        meta
          ? await (await import('./commands/demo-meta.js')).demoMeta(options, io)
          : await (await import('./commands/demo.js')).demo(options, typedArguments(self, ['fresh', 'resume']), io),
      ),
    );

  prompted(labelled(table(runs(command('run', 'run', 'Train and compare methods on a task over several seeds.')))))
    .option('--test-file <file>', 'test rows; otherwise a part of the file is set aside')
    .option('--regression', 'labels of the file are numbers to predict')
    .option(
      '--max-labels <number>',
      'more distinct labels in a file are taken for a mistake (default: 100)',
      wholeNumber,
    )
    .addOption(
      new Option('--empty-text <policy>', 'rows with an empty text (default: error)').choices([
        'error',
        'drop',
        'keep',
      ]),
    )
    .option('--group <name>', 'rows of one group alone, of tasks that have groups: a category, a persona')
    .option(
      '--prompt-template <text>',
      'of a task of texts: makes a prompt of a row, {column} stands for a text; with a file: the label column is then written',
      escapedText,
    )
    .option('--methods <names>', 'comma-separated (default: prefix,prefix-subspace)', list)
    .option('--no-floors', 'leave out the floors (majority and linear-probe, or zero-shot) that are added otherwise')
    .option('--reference <names>', 'methods that the others are compared with (default: the last floor)', list)
    .option('--seeds <seeds>', 'how many data seeds of 13, 21, 42, 87, 100, or a list such as 13,21 (default: 3)')
    .option('--seed <number>', 'this one data seed', wholeNumberOrZero)
    .option('--train-seeds <seeds>', 'how many training seeds from 0, or a list such as 0,1 (default: 1)')
    .option('--model <name>', 'host: minilm or minigpt (embedded), a folder, or a name of the Hub (default: minilm)')
    .option('--revision <name>', 'branch, tag or commit of the host on the Hub')
    .option('--steps <number>', 'training steps', wholeNumber)
    .addOption(new Option('--protocol <name>', 'how the development set is made (default: same_k)').choices(protocols))
    .option('--test-cap <number>', 'at most this many test rows, for development', wholeNumber)
    .option('--config <file>', 'experiment as YAML or JSON; options given here win')
    .option('--set <key=value>', 'any setting, such as train.learningRate=1e-4; may be repeated', collect, [])
    .addOption(pluginOption())
    .option('--output <folder>', 'where the results go (default: runs/<task>-<shots>)')
    .option('--dry-run', 'show what would run: trials, parameters, coverage, memory; allocates nothing')
    .action(async (options: RunCommandOptions, self: Command) =>
      done(await (await import('./commands/run.js')).run(options, typedArguments(self, ['resume']), io)),
    );

  gridFile(
    runs(
      command('ablate', 'ablate', 'Run a grid of tasks, hosts, K, methods and seeds from a file, and report on it.'),
    ),
  )
    .option('--dry-run', 'show the plan: runs, time, memory, the smallest difference it can find')
    .option('--no-calibrate', 'no short runs beforehand to estimate time and memory')
    .action(async (grid: string, options: AblateOptions, self: Command) =>
      done(await (await import('./commands/ablate.js')).ablate(grid, options, typedArguments(self, ['resume']), io)),
    );

  const sweep = program
    .command('sweep')
    .description('Run a grid on many processes or machines: plan it, start it, look at it, collect it.')
    .addHelpText('after', helpOf(examples.sweep));
  addSweepCommands(sweep, (name, description) => common(sweep.command(name).description(description)), io, done);

  command('report', 'report', 'Write the report of a grid again, also of an unfinished one, without training.')
    .argument('<folder>', 'folder that ablate wrote')
    .action(async (folder: string, options: ReportOptions) =>
      done(await (await import('./commands/report.js')).report(folder, options, io)),
    );

  command('eval', 'eval', 'Test a saved run or adapter again, or show the comparison of an experiment again.')
    .argument('<folder>', 'folder of an experiment, of a trial, or of an adapter in one')
    .option('--point <point>', 'point of the simplex: midpoint, ensemble, random or vertex:<number>')
    .option('--draws <number>', 'draws of an ensemble', wholeNumber)
    .option('--data <folder>', 'folder of the task files, if they moved')
    .option('--task <name>', 'another task than the one it was trained on')
    .option('--model <name>', 'host, where the folder does not say it')
    .option('--revision <name>', 'branch, tag or commit of the host on the Hub (default: what the adapter says)')
    .option('--labels <names>', 'labels in order, for an adapter that HF peft wrote, or in place of its own', list)
    .option('--max-tokens <number>', 'where texts are cut (default: as the adapter was trained, else 128)', wholeNumber)
    .option('--reference <names>', 'methods that the others are compared with', list)
    .addOption(pluginOption())
    .addOption(backendOption())
    .action(async (folder: string, options: EvalOptions) =>
      done(await (await import('./commands/eval.js')).evaluateAgain(folder, options, io)),
    );

  table(command('predict', 'predict', 'Classify texts with a saved run or adapter.'))
    .argument('<folder>', 'folder of an experiment, of a trial, or of an adapter; or org/name[@revision] on the Hub')
    .argument('[texts...]', 'texts; without any they are read from --file or from standard input, one a line')
    .option('--file <file>', 'a file with one text a line, or a CSV, TSV, JSONL or Parquet table')
    .option('--text-column <name>', 'column of the text, for a table')
    .option('--text-pair-column <name>', 'column of the second text of a pair, for a table')
    .option('--pair', 'texts are pairs: two arguments each, or two columns separated by a tab in a line')
    .option('--model <name>', 'host, where the folder does not say it')
    .option('--revision <name>', 'branch, tag or commit of the host on the Hub (default: what the adapter says)')
    .option('--labels <names>', 'labels in order, for an adapter that HF peft wrote, or in place of its own', list)
    .option('--max-tokens <number>', 'where texts are cut (default: as the adapter was trained, else 128)', wholeNumber)
    .addOption(pluginOption())
    .addOption(backendOption())
    .action(async (folder: string, texts: string[], options: PredictOptions) =>
      done(await (await import('./commands/predict.js')).predict(folder, texts, options, io)),
    );

  command('generate', 'generate', 'Continue texts with a causal language model, with an adapter or without.')
    .argument('<source>', 'folder of an adapter or of a model, or org/name on the Hub')
    .argument('[prompts...]', 'texts to continue; without any they are read from standard input, one a line')
    .option('--max-new-tokens <number>', 'most tokens that are added', wholeNumber, 64)
    .option('--sample', 'draw tokens at random instead of taking the likeliest')
    .option('--temperature <number>', 'of --sample (default: 1)', positive)
    .option('--top-k <number>', 'of --sample: only so many of the likeliest tokens', wholeNumber)
    .option('--top-p <number>', 'of --sample: only the likeliest tokens with this probability together', positive)
    .option('--beams <number>', 'search the likeliest text with so many kept at a time', wholeNumber)
    .option('--length-penalty <number>', 'of --beams: texts are judged by length to this power (default: 1)', decimal)
    .addOption(noRepeatNgramOption())
    .option('--stop <text>', 'a text ends before it; may be repeated', collectTexts, [])
    .option('--encoding <name>', 'encoding of standard input, such as latin1 or utf-16le (default: utf-8)')
    .option('--seed <number>', 'of --sample (default: 0)', wholeNumberOrZero)
    .option('--model <name>', 'host, where the folder does not say it')
    .option('--revision <name>', 'branch, tag or commit of the host on the Hub (default: what the adapter says)')
    .addOption(pluginOption())
    .addOption(backendOption())
    .action(async (source: string, prompts: string[], options: GenerateOptions) =>
      done(await (await import('./commands/generate.js')).generateTexts(source, prompts, options, io)),
    );

  deploys(
    command('merge', 'merge', 'Merge an adapter into its host: a model folder that HF transformers opens.'),
  ).action(async (folder: string, options: DeployCommandOptions) =>
    done(await (await import('./commands/merge.js')).merge(folder, options, io)),
  );

  deploys(command('export', 'export', 'Write host, adapter and head as one ONNX model that transformers.js opens.'))
    .addOption(new Option('--format <name>', 'of the model').choices(['onnx']).default('onnx'))
    .action(async (folder: string, options: ExportOptions) =>
      done(await (await import('./commands/export.js')).exportModel(folder, options, io)),
    );

  command('convert', 'convert', 'Write an adapter in the form of another library, and say what differs there.')
    .argument(
      '<folder>',
      'folder of an experiment, a trial or an adapter: ours, of HF peft, of AdapterHub or of mlx-lm',
    )
    .requiredOption('--output <folder>', 'a new folder for the adapter')
    .addOption(
      new Option('--to <form>', 'hf, adapter-hub for bottleneck adapters, or mlx for LoRA')
        .choices(['hf', 'adapter-hub', 'mlx'])
        .default('hf'),
    )
    .option('--name <name>', "of the adapter, in the names of AdapterHub's tensors (default: adapter)")
    .option('--model <name>', 'host, where the folder does not say it')
    .option('--revision <name>', 'branch, tag or commit of the host on the Hub (default: what the adapter says)')
    .option('--labels <names>', 'labels in order, for an adapter that HF peft wrote, or in place of its own', list)
    .addOption(pluginOption())
    .addOption(backendOption())
    .action(async (folder: string, options: ConvertCommandOptions) =>
      done(await (await import('./commands/convert.js')).convert(folder, options, io)),
    );

  command('inspect', 'inspect', 'Say what an adapter, a trial or an experiment holds, without loading a model.')
    .argument('<folder>', 'folder of an adapter (ours or of HF peft), a trial or an experiment')
    .action(async (folder: string, options: InspectOptions) =>
      done(await (await import('./commands/inspect.js')).inspect(folder, options, io)),
    );

  addAnalysisCommands(command, io, done);

  tableOfTask(
    command(
      'prepare',
      'prepare',
      'Prepare a start on many small tasks, from which a new one is learned in a few steps.',
    ),
  )
    .requiredOption('--tasks <folder>', 'one labelled file (CSV, TSV, JSONL, Parquet), or a folder with one, a task')
    .requiredOption(
      '--held-out <names>',
      'comma-separated tasks that only judge the start; "none" to use all of them',
      list,
    )
    .requiredOption('--output <folder>', 'where the start goes; one that was interrupted is gone on with')
    .option('--method <name>', 'method that is prepared, as in `run --methods`', 'lora')
    .addOption(
      new Option('--rule <name>', 'how it is prepared').choices(['fomaml', 'reptile', 'multitask']).default('fomaml'),
    )
    .option('--shots <number>', 'texts of each class that an episode learns from', wholeNumber, 4)
    .option('--queries <number>', 'texts of each class that an episode judges by', wholeNumber, 8)
    .option('--ways <number>', 'classes of an episode (default: all of a task)', wholeNumber)
    .option('--shared-head', 'one head that is prepared too, for tasks with the same labels')
    .option('--inner-steps <number>', 'steps on an episode', wholeNumberOrZero, 3)
    .option('--inner-rate <number>', 'learning rate of these steps', positive, 0.1)
    .addOption(new Option('--inner-optimiser <name>', 'their optimiser').choices(['sgd', 'adamw']).default('sgd'))
    .option('--updates <number>', 'updates of the start', wholeNumber, 100)
    .option('--episodes <number>', 'episodes of an update', wholeNumber, 4)
    .option('--learning-rate <number>', 'of the updates (default: that of the method; 1 for reptile)', positive)
    .option('--seed <number>', 'of values, tasks and texts', wholeNumberOrZero, 13)
    .option('--max-tokens <number>', 'where texts are cut', wholeNumber, 64)
    .option('--model <name>', 'host: minilm or minigpt (embedded), a folder, or a name of the Hub', 'minilm')
    .option('--revision <name>', 'branch, tag or commit of the host on the Hub')
    .addOption(pluginOption())
    .addOption(backendOption())
    .action(async (options: PrepareCommandOptions) =>
      done(await (await import('./commands/prepare.js')).prepare(options, io)),
    );

  tableOfTask(command('adapt', 'adapt', 'Learn a new task from a prepared start, in seconds.'))
    .argument('<folder>', 'folder that `prepare` wrote')
    .requiredOption('--task <file>', 'labelled CSV, TSV, JSONL or Parquet file')
    .requiredOption('--output <folder>', 'a new folder for the adapter')
    .option('--shots <number>', 'texts of each class to learn from; the others judge (default: all)', wholeNumber)
    .option('--test-file <file>', 'texts to judge by; at most 1,000, drawn by --seed')
    .option('--steps <number>', 'steps of learning', wholeNumber, 10)
    .option('--learning-rate <number>', 'of the steps (default: that of the preparation)', positive)
    .option('--seed <number>', 'of the choice of texts', wholeNumberOrZero, 13)
    .option('--model <name>', 'the host of the preparation, where it is to be found elsewhere')
    .addOption(pluginOption())
    .addOption(backendOption())
    .action(async (prepared: string, options: AdaptCommandOptions) =>
      done(await (await import('./commands/adapt.js')).adaptTask(prepared, options, io)),
    );

  command('doctor', 'doctor', 'Say which backends work on this machine, which one is used and how to get a faster one.')
    .addOption(backendOption())
    .action(async (options) => done(await (await import('./commands/doctor.js')).runDoctor(options, io)));

  const setup = command('setup-native', 'setup-native', setupDescription);
  for (const { name, description } of setupFlags) setup.option(`--${name}`, description);
  setup
    .option(`--${projectOption.name} ${projectOption.value}`, projectOption.description)
    .addHelpText('after', `\n${setupNotes}`)
    .action(async (options: SetupNativeOptions) =>
      done(await (await import('./commands/setup-native.js')).setupNative(options, io)),
    );

  keepTyped(program);
  return program;
}

const helpOf = (lines: readonly string[]) => `\nExamples:\n${lines.map((line) => `  $ tfjs-peft ${line}\n`).join('')}`;
