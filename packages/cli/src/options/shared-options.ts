import { type Command, Option } from 'commander';
import { character, list, wholeNumber } from './parse-values.js';

const backends = ['auto', 'tensorflow-gpu', 'tensorflow', 'webgpu', 'wasm', 'cpu'];

/** What all commands have. */
export const common = (command: Command): Command =>
  command
    .option('--json', 'print one JSON document on standard output')
    .option('--quiet', 'no progress; warnings and errors only')
    .option('--debug', 'show stack traces of errors');

/** `--plugin`. */
export const pluginOption = () =>
  new Option(
    '--plugin <module>',
    'a package or file that adds methods, presets or tasks; its code runs here; may be repeated',
  ).argParser((text: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), text]);

/** `--backend`. */
export const backendOption = () =>
  new Option('--backend <name>', 'backend of TensorFlow.js').choices(backends).default('auto');

/** What commands share that run trials. */
export const runs = (command: Command): Command =>
  limits(command).option('--resume', 'go on with what an earlier, interrupted command left unfinished');

/** How many trials run at a time, on what, and how long. */
export const limits = (command: Command): Command =>
  command
    .addOption(backendOption())
    .option(
      '--jobs <number>',
      'runs at a time, each in a process (default: one a core on a CPU, up to 4; 1 on a GPU)',
      wholeNumber,
    )
    .option(
      '--hang-limit <seconds>',
      'end a process that gives no sign of life for so long; its run counts as failed (default: 600)',
      wholeNumber,
    )
    .option('--time-limit <seconds>', 'end a run that takes longer; it counts as failed (default: none)', wholeNumber);

/** What commands share that write a model. */
export const deploys = (command: Command): Command =>
  command
    .argument('<folder>', 'folder of an experiment, of a trial, or of an adapter; or org/name[@revision] on the Hub')
    .requiredOption('--output <folder>', 'a new folder for the model')
    .addOption(new Option('--dtype <name>', 'of the stored numbers').choices(['f32', 'f16']).default('f32'))
    .option('--max-tokens <number>', 'where texts are cut (default: as the adapter was trained)', wholeNumber)
    .option('--model <name>', 'host, where the folder does not say it')
    .option('--revision <name>', 'branch, tag or commit of the host on the Hub (default: what the adapter says)')
    .option('--labels <names>', 'labels in order, for an adapter that HF peft wrote, or in place of its own', list)
    .addOption(pluginOption())
    .addOption(backendOption());

/** How a file of rows is to be read; what commands share that take one. */
export const table = (command: Command): Command =>
  command
    .option('--encoding <name>', 'encoding of a text file, such as latin1 or utf-16le (default: utf-8)')
    .option('--delimiter <character>', 'between the fields of a CSV file (default: a comma)', character)
    .option('--column-names <names>', 'comma-separated, for a CSV or TSV file without a header line', list)
    .option('--quoted-tsv', 'fields of a TSV file are quoted as in CSV');

/** How the files of classification tasks are to be read. */
export const tableOfTask = (command: Command): Command =>
  table(command)
    .option('--text-column <name>', 'column of the text', 'text')
    .option('--text-pair-column <name>', 'column of the second text of a pair')
    .option('--label-column <name>', 'column of the label', 'label')
    .option('--max-labels <number>', 'more distinct labels are taken for a mistake (default: 100)', wholeNumber);

/** Texts with labels: what commands share that learn from them or look at them. */
export const labelled = (command: Command): Command =>
  command
    .option(
      '--task <name or file>',
      'a known task (spam-subjects, sst2, rte, ...) or a labelled CSV, TSV, JSONL or Parquet file',
    )
    .option('--shots <number>', 'labelled texts to learn from, K (default: 100)', wholeNumber)
    .option('--data <folder>', 'folder of the task files, for GLUE, TREC and other known tasks')
    .option('--text-column <name>', 'column of the text, for a file')
    .option('--text-pair-column <name>', 'column of the second text of a pair, for a file')
    .option('--label-column <name>', 'column of the label, for a file');

/** The file of a grid, and where its results go. */
export const gridFile = (command: Command): Command =>
  command
    .argument('<grid>', 'the grid as YAML or JSON, such as configs/quick.yaml')
    .option('--data <folder>', 'folder that the data folders of the grid are below')
    .addOption(pluginOption())
    .option('--output <folder>', 'where the results go (default: runs/<name of the file>)')
    .addOption(
      new Option('--max-trials <number>', 'more runs than this need --yes').argParser(wholeNumber).default(500),
    )
    .option('--yes', 'run also more than --max-trials');

/** How texts become prompts that a masked language model completes. */
export const prompted = (command: Command): Command =>
  command
    .option('--prompt', 'make a prompt of each text; heads start as label words and read the mask')
    .option('--template <text>', 'of a prompt, *cls**sent_0*_It_was*mask*.*sep+* (default: the task has one)')
    .option('--words <words>', 'comma-separated label words in the order of the labels, with --template', list)
    .addOption(
      new Option(
        '--demonstrations <way>',
        'put an answered prompt of each label behind each prompt: any training text, or one like it',
      ).choices(['random', 'similar']),
    )
    .option(
      '--mlm <folder>',
      'with the head of a masked language model (default: that of minilm, else the host itself)',
    );

/** How train and development sets are drawn. */
export const protocols = ['same_k', 'fixed', 'budget', 'per_class', 'none'];

/** Commander takes whatever begins with `--no-` for the opposite of another option; this one has a value. */
export function noRepeatNgramOption(): Option {
  const option = new Option('--no-repeat-ngram <number>', 'no group of so many tokens twice in a text');
  option.negate = false;
  return option.argParser(wholeNumber);
}
