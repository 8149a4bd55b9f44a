import { dirname } from 'node:path';
import type { ExperimentConfigInput } from '@tfjs-peft/eval';
import type { RunOptions } from '../options/experiment-from-options.js';
import type { ExecutionOptions } from './execute-experiment.js';

export interface RunCommandOptions extends RunOptions, ExecutionOptions {
  readonly config?: string;
  readonly output?: string;
  readonly reference?: readonly string[];
  readonly dryRun?: boolean;
}

/** Plugins of a file are looked for where the file lies. */
export const pluginDirectory = ({ config }: Pick<RunCommandOptions, 'config'>): string =>
  config === undefined ? '.' : dirname(config);

/** `runs/sst2-100`, for a file `runs/mail-100`, for a group of rows `runs/webnlg-Airport-100`. */
export const defaultFolder = (config: ExperimentConfigInput): string =>
  `runs/${taskPart(config)}-${config.data?.shots ?? 100}`;

/** What the name of a folder says of a task: `sst2`, for a file `mail`, for a group of rows `webnlg-Airport`. */
export function taskPart(config: ExperimentConfigInput): string {
  const file = config.data?.file?.file;
  const name = file === undefined ? config.task : file.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '');
  const { group } = config.data ?? {};
  const whole = group === undefined ? name : `${name}-${group}`;
  return whole.replace(/[^\w.-]+/g, '-');
}
