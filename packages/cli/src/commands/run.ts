import type { CliIo } from '../cli-io.js';
import { experimentFromOptions } from '../options/experiment-from-options.js';
import { experimentKeys } from '../options/known-keys.js';
import { readConfigFile } from '../options/read-config-file.js';
import { executeExperiment } from './execute-experiment.js';
import { defaultFolder, pluginDirectory, type RunCommandOptions } from './run-options.js';

/** `tfjs-peft run`; `again` are the arguments that repeat it. */
export async function run(options: RunCommandOptions, again: readonly string[], io: CliIo): Promise<number> {
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
      again,
    },
    io,
  );
}
