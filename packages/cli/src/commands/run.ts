import type { CliIo } from '../cli-io.js';
import { experimentFromOptions } from '../options/experiment-from-options.js';
import { experimentKeys } from '../options/known-keys.js';
import { readConfigFile } from '../options/read-config-file.js';
import { executeExperiment } from './execute-experiment.js';
import { defaultFolder, pluginDirectory, type RunCommandOptions } from './run-options.js';

/** `tfjs-peft run`. */
export async function run(options: RunCommandOptions, io: CliIo): Promise<number> {
  const base = options.config === undefined ? undefined : await readConfigFile(options.config);
  const config = experimentFromOptions(options, experimentKeys, base);
  if (options.dryRun) return (await import('./dry-run.js')).dryRun(config, options, io);
  return executeExperiment(
    {
      ...options,
      config,
      folder: options.output ?? defaultFolder(config),
      ...(options.reference && { references: options.reference }),
      directory: pluginDirectory(options),
      again: againOf(options),
    },
    io,
  );
}

/** The same command again; paths stay as they were typed. */
function againOf(options: RunCommandOptions): string[] {
  const value = (flag: string, given: string | number | undefined) =>
    given === undefined ? [] : [flag, String(given)];
  const values = (flag: string, given: readonly string[] | undefined) => (given ? [flag, given.join(',')] : []);
  return [
    'run',
    ...value('--config', options.config),
    ...value('--task', options.task),
    ...value('--shots', options.shots),
    ...value('--data', options.data),
    ...value('--text-column', options.textColumn),
    ...value('--text-pair-column', options.textPairColumn),
    ...value('--label-column', options.labelColumn),
    ...value('--test-file', options.testFile),
    ...(options.regression ? ['--regression'] : []),
    ...value('--max-labels', options.maxLabels),
    ...value('--empty-text', options.emptyText),
    ...value('--group', options.group),
    ...value('--prompt-template', options.promptTemplate),
    ...value('--encoding', options.encoding),
    ...value('--delimiter', options.delimiter),
    ...values('--column-names', options.columnNames),
    ...(options.quotedTsv ? ['--quoted-tsv'] : []),
    ...values('--methods', options.methods),
    ...(options.floors === false ? ['--no-floors'] : []),
    ...values('--reference', options.reference),
    ...value('--seeds', options.seeds),
    ...value('--seed', options.seed),
    ...value('--train-seeds', options.trainSeeds),
    ...value('--model', options.model),
    ...value('--steps', options.steps),
    ...value('--protocol', options.protocol),
    ...value('--test-cap', options.testCap),
    ...(options.set ?? []).flatMap((setting) => ['--set', setting]),
    ...(options.plugin ?? []).flatMap((module) => ['--plugin', module]),
    ...value('--output', options.output),
    ...(options.backend === 'auto' ? [] : ['--backend', options.backend]),
    ...value('--jobs', options.jobs),
    ...value('--hang-limit', options.hangLimit),
    ...value('--time-limit', options.timeLimit),
  ];
}
